/**
 * The contract between the daemon and its users: what can be asked over the unix socket, and what comes back. The server checks
 * what it sends, the client what it gets, and docs/reference/api.md is made from it.
 */

import * as z from 'zod'
import { Carriers, Guests, Way } from './carriers.ts'
import { FamilyState } from './families.ts'
import { membershipRoutes } from './membership.ts'
import { endpoint, Filtering, key, Nat, Peer, wallTime } from './values.ts'

export const PathState = z
  .enum(['self', 'direct', 'relayed', 'idle', 'silent', 'never seen', 'invited'])
  .describe(
    'direct, relayed: a session is alive, and leads to the member itself, or through a relay; idle: resting, a place is known and nobody uses it, the first packet wakes it; silent: there was a session, and nothing answers now; never seen: none since the interface exists, and nothing has answered; invited: an alias line, not a member yet',
  )

export const MemberStatus = z.object({
  hostname: z.string().optional(),
  key,
  role: z.enum(['trust', 'router', 'alias']),
  state: PathState,
  ipv4: z.string().optional(),
  ipv6: z.string(),
  endpoint: z.string().optional().describe('host:port that WireGuard sends to now'),
  by: Way,
  latestHandshake: wallTime.optional(),
  received: z.number().describe('bytes'),
  sent: z.number().describe('bytes'),
})

export const DirectoryState = z.object({
  mode: z
    .enum(['server', 'client', 'off'])
    .describe('server: holds records for others; client: only asks; off: not started yet, or it could not be'),
  reason: z.string().describe('why this mode, a sentence'),
  peers: z.number().describe('nodes in the routing table'),
  connections: z.number(),
  stored: z.number().describe('records held for others'),
  rejected: z.record(z.string(), z.number()).describe('peers and records that were refused, by reason'),
})

export const ControlState = z.object({
  backend: z
    .enum(['nft', 'pcap', 'socket'])
    .describe('how control packets share the port; socket: a helper, whose own the port is'),
  received: z.number().describe('packets'),
  sent: z.number().describe('packets'),
  dropped: z.record(z.string(), z.number()).describe('packets, by reason'),
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
  directory: DirectoryState,
  control: ControlState.optional().describe('absent where the port could not be shared'),
  nat: Nat,
  filtering: Filtering,
  homes: z
    .array(z.object({ key, hostname: z.string().optional(), endpoint: endpoint.optional() }))
    .describe('reachable nodes that pass calls on to this one, while it is behind a NAT; the best first'),
  endpoints: z
    .array(z.object({ kind: z.enum(['fixed', 'host', 'mapped', 'reflexive']), endpoint }))
    .describe('where this node can be reached, as its record says'),
  carriers: Carriers,
  members: z.array(MemberStatus),
  warnings: z.array(z.string()),
})

export const Step = z.object({
  via: z.enum(['control', 'directory']).describe('a control packet, or the walk of the DHT'),
  key,
  endpoint: endpoint.optional(),
  answered: z.enum(['value', 'closer', 'none', 'error']),
  after: z.number().describe('milliseconds since the look-up began'),
})

export const RecordState = z.object({
  sequence: z.number(),
  expires: wallTime,
  nat: Nat,
  filtering: Filtering,
  endpoints: z.array(z.object({ kind: z.enum(['fixed', 'host', 'mapped', 'reflexive']), endpoint })),
  homes: z.array(key),
})

export const LookedUp = z.object({
  ...Peer,
  record: RecordState.nullable(),
  steps: z.array(Step),
  took: z.number().describe('milliseconds'),
})

export const Pinged = z.object({
  ...Peer,
  answer: z
    .object({ endpoint, rtt: z.number().describe('milliseconds'), observed: endpoint.describe('where it saw us') })
    .nullable(),
  tried: z.array(endpoint),
})

export const Tunnel = z.object({
  ...Peer,
  endpoint: endpoint.optional().describe('that the tunnel goes to; absent where none was found in time'),
  carries: z.boolean().describe('a handshake was made'),
  took: z.number().describe('milliseconds'),
})

export const Forgotten = z.object({ ...Peer, endpoints: z.array(endpoint).describe('what was known') })

export const CandidateState = z.object({
  kind: z.string(),
  endpoint,
  state: z.string().describe('what became of it'),
  rtt: z.number().optional().describe('milliseconds'),
  probes: z.number().describe('PINGs sent'),
  answered: z.number().optional().describe('seconds since its last answer'),
})

export const PathDetails = z.object({
  relayed: z.boolean().optional().describe('the path leads through a relay; a direct one is still looked for'),
  inUse: z.boolean().describe('somebody sends to it, or it to us'),
  parked: z.boolean().describe('WireGuard is pointed at the doorbell: the next packet wakes the path'),
  held: z.boolean().describe('keepalives keep the path open'),
  calls: z.object({ sent: z.number(), answered: z.number() }).describe('offers to it through its homes'),
  beats: z.object({ sent: z.number(), missed: z.number() }).describe('PINGs on the path in use'),
})

export const Inspected = z.object({
  status: Status,
  peers: z.array(
    z.object({
      ...Peer,
      path: z.string(),
      details: PathDetails.optional(),
      candidates: z.array(CandidateState),
      record: RecordState.nullable(),
    }),
  ),
  refused: z.record(z.string(), z.number()).describe('records that were refused, by reason'),
})

const Relaying = z
  .object({
    on: z.boolean(),
    policy: z.enum(['never', 'members', 'anyone']).describe('whose packets it passes on where others can reach it'),
    reason: z.string().describe('why it does, or does not'),
  })
  .describe('does this node relay for others?')

export const Relayed = z.object({
  relaying: Relaying,
  backend: z
    .enum(['kernel', 'process'])
    .optional()
    .describe('who passes packets on: rules in the kernel, or the daemon itself; absent before anybody wanted a port'),
  guests: z
    .array(z.object({ ...Peer, member: z.boolean(), port: z.number().describe('UDP, that is its own here') }))
    .describe('nodes that have a port at this one'),
  legs: z
    .array(
      z.object({
        from: z
          .object(Peer)
          .optional()
          .describe('absent: left by an earlier daemon, and nobody has come back to it yet'),
        source: endpoint.describe('from where it sends'),
        to: z.object(Peer).optional(),
        destination: endpoint,
        packets: z.number(),
        bytes: z.number().describe('with the headers of IP and UDP'),
      }),
    )
    .describe('what is passed on, one for each direction'),
  dropped: z
    .record(z.string(), z.number())
    .describe('packets, by reason; what the kernel drops over its limit is not counted'),
  through: z
    .array(
      z.object({
        ...Peer,
        relay: z.object(Peer),
        endpoint: endpoint.describe('the port of the member there'),
        by: Way,
      }),
    )
    .describe('members that this node reaches through others'),
  ports: z
    .array(z.object({ ...Peer, endpoint }))
    .describe('ports of this node at others: there, members reach it through them'),
  carriers: Carriers.extend({
    guests: Guests,
    dropped: z.record(z.string(), z.number()).describe('datagrams of guests and their carriers, by reason'),
  }),
})

export const Netchecked = z.object({
  port: z.number().describe('the UDP port that all of this is about'),
  families: z.array(FamilyState),
  hairpins: z.boolean().nullable().describe('two hosts behind the NAT reach each other by its outside address'),
  firewall: z.enum(['open', 'closed']).nullable().describe('of this machine, for what strangers send to the port'),
  lifetime: z
    .object({
      works: z.number().nullable().describe('the longest silence that a mapping survived, seconds'),
      fails: z.number().nullable().describe('the shortest one that it did not'),
      keepalive: z.number().describe('seconds between packets that keep a path open'),
    })
    .nullable(),
  portMapping: z
    .object({
      state: z.enum(['off', 'asking', 'mapped', 'none']),
      gateway: z.string().nullable(),
      protocols: z.record(z.string(), z.string()).describe('what came of each: pcp, nat-pmp, upnp'),
      mapped: z.object({ protocol: z.string(), external: endpoint }).optional(),
      problem: z.string().optional().describe('why there is none'),
    })
    .nullable(),
  relaying: Relaying,
  carriers: Carriers,
  clockAhead: z.number().nullable().describe('clocks of others less ours, milliseconds; null: nobody answered'),
  meaning: z.array(z.string()).describe('what it means for connections, a sentence each'),
})

export const Explained = z.object({
  ...Peer,
  path: z.enum(['idle', 'hunting', 'direct']).describe('direct: there is a path'),
  relayed: z.boolean().optional().describe('the path leads through a relay; a direct one is still looked for'),
  by: Way,
  reachable: z.boolean().describe('there is a path, or one that rests'),
  verdict: z.string().describe('one line'),
  facts: z.array(z.string()).describe('what is known of both sides'),
  candidates: z.array(z.object({ endpoint: z.string(), kind: z.string(), account: z.string() })),
  advice: z.array(z.string()).describe('what would make it better, the most useful first'),
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

const target = z.object({
  name: z.string().min(1).max(255).describe('hostname, public key or overlay address of a member, or any public key'),
})

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
  lookup: {
    method: 'GET',
    path: '/v1/lookup',
    query: target,
    answer: LookedUp,
    summary: 'finds the record of a member, or of any key, afresh',
  },
  ping: {
    method: 'GET',
    path: '/v1/ping',
    query: target,
    answer: Pinged,
    summary: 'a control ping, through every endpoint that is known',
  },
  p2p: {
    method: 'POST',
    path: '/v1/p2p',
    query: target,
    answer: Tunnel,
    summary: 'looks for a path to a member until the tunnel carries packets',
  },
  forget: {
    method: 'POST',
    path: '/v1/forget',
    query: target,
    answer: Forgotten,
    summary: 'forgets what was learnt about where a member is',
  },
  netcheck: {
    method: 'GET',
    path: '/v1/netcheck',
    query: z.object({}),
    answer: Netchecked,
    summary: 'what kind of network this node is in, asked afresh: takes some seconds',
  },
  relay: {
    method: 'GET',
    path: '/v1/relay',
    query: z.object({}),
    answer: Relayed,
    summary: 'what this node passes on for others, and whom it reaches through others',
  },
  explain: {
    method: 'GET',
    path: '/v1/explain',
    query: target,
    answer: Explained,
    summary: 'why the path to a member is what it is, in words',
  },
  inspect: {
    method: 'GET',
    path: '/v1/inspect',
    query: z.object({}),
    answer: Inspected,
    summary: 'everything the node knows',
  },
  ...membershipRoutes,
} as const

export type Routes = typeof routes
export type RouteName = keyof Routes
export type Query<N extends RouteName> = z.input<Routes[N]['query']>
export type AnswerOf<N extends RouteName> = z.output<Routes[N]['answer']>

export type Status = z.output<typeof Status>
export type MemberStatus = z.output<typeof MemberStatus>
export type PathState = z.output<typeof PathState>
