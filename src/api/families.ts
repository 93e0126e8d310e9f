/** What a node has found out about its network, for IPv4 and for IPv6 (schema.ts). */

import * as z from 'zod'
import { endpoint, Filtering, key } from './values.ts'

const Mapping = z
  .enum([
    'unknown',
    'none',
    'endpoint-independent',
    'endpoint-dependent',
    'address-dependent',
    'address-and-port-dependent',
  ])
  .describe('RFC 4787 §4.1; endpoint-dependent: one of the two kinds below it, and nobody could tell which')

export const FamilyState = z.object({
  family: z.literal([4, 6]),
  udp: z
    .enum(['works', 'no answer', 'blocked', 'nobody to ask', 'no address'])
    .describe('no answer: of those who were asked; blocked: one of them can be reached by TCP'),
  asked: z.number().describe('reflectors: nodes that were asked where they see this one'),
  reflections: z
    .array(z.object({ key, to: endpoint, observed: endpoint, rtt: z.number().describe('milliseconds') }))
    .describe('which endpoint was asked, and where it saw this node'),
  mapping: Mapping,
  filter: z.object({
    filtering: Filtering,
    certain: z.boolean().describe('no: the stricter one of two kinds, which nobody could tell apart'),
  }),
  keepsPort: z.boolean().nullable().describe('the port outside is the one inside; null: no NAT, or not known'),
  step: z
    .object({
      kind: z.enum(['unknown', 'preserving', 'constant', 'regular', 'random']),
      step: z.number().optional(),
      last: z.number().optional(),
    })
    .describe('how the NAT chooses the port outside of a new mapping'),
  mtu: z.number().nullable().describe('the longest UDP payload that arrived, bytes, of at most 1400'),
})
