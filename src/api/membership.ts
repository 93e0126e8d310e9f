/** Who belongs to the network, by whose word: what `wh members`, `wh log`, `wh invite` and `wh revoke` ask, and what comes back. */

import * as z from 'zod'
import { endpoint, key, Peer, wallTime } from './values.ts'

const statement = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('id of a statement')
const seconds = z.string().regex(/^\d{1,10}$/)
const isOn = z.enum(['true', 'false'])

export const MembersAnswer = z.object({
  id: statement.nullable().describe('of the network; null: its file accepts no statements, or none is known yet'),
  admins: z.array(z.object(Peer)).describe('the most senior first'),
  members: z.array(
    z.object({
      ...Peer,
      ipv4: z.string().optional(),
      ipv6: z.string(),
      endpoint: endpoint.optional().describe('where it can always be reached'),
      by: z.object(Peer).nullable().describe('who admitted it; null: the file alone'),
      at: wallTime.optional().describe('by the clock of who admitted it'),
      expires: wallTime.optional(),
    }),
  ),
  expired: z.array(z.object({ ...Peer, expires: wallTime })),
  invites: z.array(
    z.object({
      id: statement,
      by: z.object(Peer),
      hostname: z.string().optional().describe('kept free for the guest'),
      admin: z.boolean().describe('who comes by it is an admin'),
      uses: z.number(),
      used: z.number(),
      expires: wallTime.optional(),
      withdrawn: z.boolean(),
    }),
  ),
  warnings: z.array(z.string()),
  conf: z.string().describe('the network as a file that another could use'),
})

export const LogAnswer = z.object({
  entries: z
    .array(
      z.object({
        id: statement,
        at: wallTime,
        kind: z.string(),
        author: z.object(Peer),
        sentence: z.string(),
        refused: z.string().optional().describe('why it has no effect'),
      }),
    )
    .describe('in the order in which they count'),
})

export const InviteAnswer = z.object({
  id: statement,
  token: z.string().describe('a secret: whoever has it can join'),
  expires: wallTime.optional(),
  places: z.array(endpoint).describe('where who joins begins'),
})

export const SaidAnswer = z.object({ id: statement, key: key.optional(), sentence: z.string() })

const name = z
  .string()
  .min(1)
  .max(255)
  .describe('hostname, public key or overlay address of a member, or any public key')

/** Requests, as in `schema.ts`. */
export const membershipRoutes = {
  members: {
    method: 'GET',
    path: '/v1/members',
    query: z.object({}),
    answer: MembersAnswer,
    summary: 'who belongs to the network, by whose word',
  },
  log: {
    method: 'GET',
    path: '/v1/log',
    query: z.object({}),
    answer: LogAnswer,
    summary: 'what members have signed about who belongs to the network',
  },
  invite: {
    method: 'POST',
    path: '/v1/invite',
    query: z.object({
      hostname: z.string().max(253).optional().describe('kept free for the guest'),
      uses: z
        .string()
        .regex(/^[1-9]\d{0,4}$/)
        .optional()
        .describe('1 if not given'),
      seconds: seconds.optional().describe('how long it lasts: a day if not given, 0 for ever'),
      admin: isOn.optional().describe('who comes by it is an admin'),
    }),
    answer: InviteAnswer,
    summary: 'a token by which others can join',
  },
  withdraw: {
    method: 'POST',
    path: '/v1/withdraw',
    query: z.object({
      invite: z
        .string()
        .regex(/^[0-9a-f]{4,64}$/)
        .describe('id of an invite, or its beginning'),
    }),
    answer: SaidAnswer,
    summary: 'nobody comes by an invite any more',
  },
  revoke: {
    method: 'POST',
    path: '/v1/revoke',
    query: z.object({ name }),
    answer: SaidAnswer,
    summary: 'a key is a member no more, and never again',
  },
  admit: {
    method: 'POST',
    path: '/v1/admit',
    query: z.object({
      key: z.string().min(43).max(44).describe('public key, in either form'),
      hostname: z.string().max(253),
      endpoint: z.string().max(300).optional().describe('where it can always be reached'),
      seconds: seconds.optional().describe('its membership ends then; for ever if not given'),
    }),
    answer: SaidAnswer,
    summary: 'a key becomes a member, without a token',
  },
  admin: {
    method: 'POST',
    path: '/v1/admin',
    query: z.object({ name, admin: isOn }),
    answer: SaidAnswer,
    summary: 'a member becomes an admin, or is one no more',
  },
  assign: {
    method: 'POST',
    path: '/v1/assign',
    query: z.object({
      name,
      hostname: z.string().max(253).optional(),
      address: z.string().max(15).optional(),
      seconds: seconds.optional().describe('its membership ends then; 0: never'),
    }),
    answer: SaidAnswer,
    summary: 'another name, address or end for a member',
  },
  rotate: {
    method: 'POST',
    path: '/v1/rotate',
    query: z.object({ file: z.string().describe('absolute path of the new private key, which is moved from there') }),
    answer: z.object({ key, keyFile: z.string(), old: z.string().nullable().describe('where the old key is kept') }),
    summary: 'another key takes the place of this node’s; answers before the node goes over to it',
  },
  leave: {
    method: 'POST',
    path: '/v1/leave',
    query: z.object({}),
    answer: SaidAnswer,
    summary: 'this node is a member no more: tells the others, and takes the network down',
  },
} as const
