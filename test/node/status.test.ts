import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEndpoint } from '../../src/base/ip.ts'
import type { Desired } from '../../src/node/desired.ts'
import { type PathOf, reportMembers } from '../../src/node/status.ts'
import { publicKeyOf } from '../../src/protocol/identity/key.ts'
import type { Member } from '../../src/protocol/network/types.ts'
import type { CandidateView } from '../../src/protocol/path/view.ts'

const now = 1_800_000_000_000
const key = publicKeyOf(new Uint8Array(32).fill(7))
const member: Member = { role: 'trust', key, hostname: 'b.test', ipv6: 'fd00::2' }
const wanted = { self: null, members: [member], interface: null } as unknown as Desired

/** What is said of a member with a handshake so many seconds ago and such a path. */
function stateOf(handshake: number | null, path: ReturnType<PathOf>): string {
  const peer = {
    ...{ key, allowedIps: [], received: 1, sent: 1, keepalive: 0 },
    ...(handshake === null ? {} : { latestHandshake: now - handshake * 1_000 }),
  }
  const actual = {
    name: 'wh-test',
    owner: '',
    kind: '',
    up: true,
    mtu: 1420,
    addresses: [],
    listenPort: 1,
    peers: [peer],
  }
  return reportMembers(wanted, actual, now, () => path)[0]!.state
}
const endpoint = parseEndpoint('192.0.2.7:1')!
const place = (why: CandidateView['why'], answeredAt: number | null): CandidateView => ({
  ...{ endpoint, kind: 'host', sources: ['record'], whyAt: 0, rtt: 1, probes: 1, lastProbeAt: 0, why, answeredAt },
})
const rest = place('answered, nobody uses the peer', 5)
const gone = place('stopped answering', 5)

const table: [string, number | null, ReturnType<PathOf>, string][] = [
  ['a session that lives', 10, { state: 'direct', endpoint, candidates: [rest] }, 'direct'],
  ['a session that lives, its path lost', 10, { state: 'hunting', candidates: [] }, 'silent'],
  ['a path that nobody uses', 400, { state: 'direct', endpoint, candidates: [rest] }, 'idle'],
  ['a path that nobody ever used', null, { state: 'direct', endpoint, candidates: [rest] }, 'idle'],
  ['at rest, and it was there', 400, { state: 'idle', candidates: [gone, rest] }, 'idle'],
  ['at rest, and it was gone', 400, { state: 'idle', candidates: [gone] }, 'silent'],
  ['at rest, never found', null, { state: 'idle', candidates: [place('no answer', null)] }, 'never seen'],
  ['looked for, never found', null, { state: 'hunting', candidates: [] }, 'never seen'],
  ['no path machine', 400, null, 'silent'],
]
for (const [what, handshake, path, expected] of table) {
  test(`a member's state: ${what}`, () => assert.equal(stateOf(handshake, path), expected))
}
