/** Carriers in answers (schema.ts): streams that datagrams go in where UDP does not get out. */

import * as z from 'zod'
import { endpoint, Peer } from './values.ts'

const Rung = z.enum(['tcp', 'wss', 'proxy'])
const CarriedBy = z.enum([...Rung.options, 'webrtc'])

/** How datagrams get to an endpoint. */
export const Way = z
  .enum([...CarriedBy.options, 'guest'])
  .optional()
  .describe(
    'by what carrier: TCP, a WebSocket on port 443, one through an HTTP proxy, WebRTC; guest: one that it opened to this node, and the address is only a name for that. Absent: by UDP',
  )

const datagrams = {
  sent: z.number().describe('datagrams'),
  received: z.number().describe('datagrams'),
  dropped: z.number().describe('datagrams that the stream had no room for'),
}

export const Carriers = z
  .object({
    own: z
      .array(
        z.object({
          ...Peer,
          endpoint: endpoint.describe('its UDP endpoint; of WebRTC only a name'),
          rung: CarriedBy,
          ...datagrams,
        }),
      )
      .describe('that this node has opened to others'),
    tried: z
      .array(
        z.object({
          ...Peer,
          endpoint: endpoint.describe('its UDP endpoint'),
          results: z
            .array(z.object({ rung: Rung, result: z.string().describe('through, under way, or why not') }))
            .describe('what was tried the last time; empty: nothing has come of anything yet'),
        }),
      )
      .describe('nodes that were to carry, since UDP was last answered'),
    missing: z
      .array(z.enum(['webrtc']))
      .optional()
      .describe('what this platform does not have, as was found when it was wanted'),
  })
  .describe('streams in the place of UDP; nothing where UDP gets out')

export const Guests = z
  .array(z.object({ ...Peer, member: z.boolean(), ...datagrams }))
  .describe('nodes that have opened a carrier to this one')
