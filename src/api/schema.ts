/**
 * The contract between the daemon and its users: what can be asked over the unix socket, and what comes back. The server checks
 * what it sends, the client what it gets, and docs/reference/api.md is made from it.
 */

import { z } from 'zod'

const key = z.string().length(43).describe('public key, base64url without padding')
const wallTime = z.number().describe('milliseconds since 1970 UTC')

export const PathState = z
  .enum(['self', 'direct', 'relayed', 'silent', 'never seen', 'invited'])
  .describe(
    'direct, relayed: a session is alive; silent: there was one, and it has expired; never seen: none since the interface exists; invited: an alias line, not a member yet',
  )

export const MemberStatus = z.object({
  hostname: z.string().optional(),
  key,
  role: z.enum(['trust', 'router', 'alias']),
  state: PathState,
  ipv4: z.string().optional(),
  ipv6: z.string(),
  endpoint: z.string().optional().describe('host:port that WireGuard sends to now'),
  latestHandshake: wallTime.optional(),
  received: z.number().describe('bytes'),
  sent: z.number().describe('bytes'),
})

export const Status = z.object({
  network: z.string(),
  namespace: z.string(),
  workbit: z.number(),
  file: z.string().describe('absolute path of the network file'),
  pid: z.number(),
  startedAt: wallTime,
  hostname: z.string().optional().describe('of this node; absent on a helper'),
  key,
  ownWorkbit: z.number(),
  ipv4: z.string().optional(),
  ipv6: z.string().optional(),
  interface: z.string().optional().describe('absent on a helper, which has none'),
  backend: z.enum(['kernel', 'wireguard-go']).optional(),
  listenPort: z.number().optional(),
  names: z
    .enum(['systemd-resolved', 'hosts file', 'none'])
    .describe('how this machine resolves the names of the network'),
  dns: z.array(z.string()).describe('addresses on which the responder listens'),
  members: z.array(MemberStatus),
  warnings: z.array(z.string()),
})

export const Reloaded = z.object({
  changes: z.array(z.string()).describe('what the file changed, a sentence each'),
  commands: z.array(z.string()).describe('what was run, without secrets'),
  warnings: z.array(z.string()),
})

export const Down = z.object({ pid: z.number() })

export const Resolved = z.object({
  found: z.object({ hostname: z.string().optional(), key, ipv4: z.string().optional(), ipv6: z.string() }).nullable(),
})

export const Problem = z
  .object({ error: z.string(), remedy: z.string().optional() })
  .describe('the body of every answer that is not 200')

/** Every request: method, path, what it takes from the query, what it answers. */
export const routes = {
  status: {
    method: 'GET',
    path: '/v1/status',
    query: z.object({}),
    answer: Status,
    summary: 'the node and its members, now',
  },
  reload: {
    method: 'POST',
    path: '/v1/reload',
    query: z.object({}),
    answer: Reloaded,
    summary: 'reads the network file again and applies the difference',
  },
  down: {
    method: 'POST',
    path: '/v1/down',
    query: z.object({}),
    answer: Down,
    summary: 'takes the network down; answers before the process ends',
  },
  resolve: {
    method: 'GET',
    path: '/v1/resolve',
    query: z.object({ name: z.string().min(1).max(255).describe('hostname, public key or overlay address') }),
    answer: Resolved,
    summary: 'a member by name, key or address',
  },
} as const

export type Routes = typeof routes
export type RouteName = keyof Routes
export type Query<N extends RouteName> = z.input<Routes[N]['query']>
export type AnswerOf<N extends RouteName> = z.output<Routes[N]['answer']>

export type Status = z.output<typeof Status>
export type MemberStatus = z.output<typeof MemberStatus>
export type PathState = z.output<typeof PathState>
