import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { printNetcheck } from '../../../src/cli/print/netcheck.ts'
import { netchecked } from '../../../src/daemon/answers/paths.ts'
import type { FamilyReport, Report } from '../../../src/protocol/nat/classify.ts'
import { meaning } from '../../../src/protocol/nat/words.ts'

const at = (port: number) => ({ host: '198.51.100.9', port })
const v4: FamilyReport = {
  ...{ family: 4, udp: 'works', asked: 3, mapping: 'endpoint-independent', keepsPort: true, mtu: 1400 },
  reflections: [
    { key: 'A', to: { host: '203.0.113.1', port: 51820 }, observed: at(51820), rtt: 12.34 },
    { key: 'B', to: { host: '203.0.113.2', port: 51820 }, observed: at(51820), rtt: 20 },
  ],
  filter: { filtering: 'address-and-port-dependent', certain: true },
  step: { kind: 'preserving' },
}
const v6: FamilyReport = {
  ...{ family: 6, udp: 'no address', asked: 0, mapping: 'unknown', keepsPort: null, mtu: null, reflections: [] },
  ...{ filter: { filtering: 'unknown', certain: false }, step: { kind: 'unknown' } },
}
const report: Report = {
  ...{ port: 51820, families: [v4, v6], hairpins: false, firewall: null, clockAhead: 400 },
  lifetime: { works: 75, fails: 110, keepalive: 56 },
  portMapping: {
    ...{ state: 'none', gateway: '192.168.1.1', problem: 'no answer' },
    protocols: { pcp: 'no answer', 'nat-pmp': 'no answer', upnp: 'not authorized' },
  },
}
const asked: Parameters<typeof netchecked>[1] = { allowed: true, fixed: false }
const relaying = { on: false, policy: 'members', reason: 'behind a NAT' } as const
const carriers = { own: [], tried: [] }
const printed = (it: Report, carried: Parameters<typeof netchecked>[3] = carriers) =>
  stripVTControlCharacters(printNetcheck('test', netchecked(it, asked, relaying, carried)))
const withV4 = (more: Partial<FamilyReport>, rest: Partial<Report> = {}): Report => ({
  ...report,
  families: [{ ...v4, ...more }, v6],
  ...rest,
})

test('a usual home router', () => {
  assert.equal(
    printed(report),
    `network test, UDP port 51820
  IPv4          UDP works (2 answers of 3 asked), the nearest in 12.3 ms
    seen at     198.51.100.9:51820
    mapping     endpoint-independent: it shows one port to everybody
    filtering   address-and-port-dependent: it lets in only who was written to
    ports       the one inside is kept
    size        1400 bytes pass (no more is tried)
  IPv6          UDP: this machine has no such address
  hairpin       no
  lifetime      75 s or more, less than 110 s; a packet each 56 s keeps a path open
  port mapping  no answer (192.168.1.1); pcp: no answer; nat-pmp: no answer; upnp: not authorized
  relays        no: behind a NAT; for members of this network, once others can reach this node
  clock         right

  Behind a usual NAT: direct paths to everybody but some behind a hard NAT, where ports have to be guessed (seconds).`,
  )
})

const r1 = { key: 'R'.repeat(43), hostname: 'r1.test', endpoint: '192.0.2.1:51820' }
const blocked = withV4({ udp: 'blocked', reflections: [], asked: 2 })

test('UDP is blocked: which rungs are through', () => {
  const text = printed(blocked, {
    own: [{ ...r1, rung: 'wss', sent: 1, received: 1, dropped: 0 }],
    tried: [
      {
        ...r1,
        results: [
          { rung: 'tcp', result: 'under way' },
          { rung: 'wss', result: 'through' },
        ],
      },
    ],
  })
  for (const line of [
    /IPv4 +UDP: BLOCKED: .* \(0 answers of 2 asked\)/,
    /^ {2}tcp +TCP to the number of the UDP port: not through when another was$/m,
    /^ {2}wss +a WebSocket on TCP port 443: through$/m,
    /^ {2}proxy +a WebSocket through the HTTP proxy: not tried: another was first$/m,
    /^ {2}UDP is blocked here: .* Members are reached by a WebSocket on TCP port 443 through r1\.test, with less/m,
  ]) {
    assert.match(text, line)
  }
})

test('UDP is blocked, and no rung is through', () => {
  const tried = [{ ...r1, results: [{ rung: 'wss' as const, result: 'connect ECONNREFUSED 192.0.2.1:443' }] }]
  const text = printed(withV4({ udp: 'no answer', reflections: [] }), { own: [], tried })
  assert.match(text, /^ {2}tcp +.*: not tried$/m)
  assert.match(text, /^ {2}wss +.*: failed: refused$/m)
  assert.match(text, /^ {2}proxy +.*: not tried: no HTTP proxy is named in the environment$/m)
  assert.match(text, /^ {2}Nobody who was asked has answered by UDP, and none is reached in another way/m)
})

test('what is not known is said to be so', () => {
  const nothing = withV4(
    { udp: 'nobody to ask', asked: 0, reflections: [], mapping: 'unknown' },
    {
      ...{ hairpins: null, clockAhead: null, lifetime: null, portMapping: null },
    },
  )
  const text = printed(nothing)
  for (const line of [/IPv4 +UDP: nobody to ask/, /hairpin +not known/, /lifetime +not known/, /clock +not known/]) {
    assert.match(text, line)
  }
  assert.match(text, /Nobody is known who could say: a boot node in the file/)
})

test('port mapping: why nobody asked the router', () => {
  const line = (it: Report, mapping = asked) =>
    /port mapping +(.*)/.exec(
      stripVTControlCharacters(printNetcheck('test', netchecked(it, mapping, relaying, carriers))),
    )?.[1]
  const none = { portMapping: null }
  const open = withV4({ mapping: 'none', keepsPort: null }, none)
  assert.equal(line(open), 'not needed: there is no NAT')
  assert.equal(line(open, { allowed: false, fixed: false }), 'switched off')
  assert.equal(
    line(withV4({}, none), { allowed: true, fixed: true }),
    'not needed: the file names an endpoint of this node',
  )
  assert.equal(line(withV4({}, none)), 'not asked yet')
  for (const udp of ['no answer', 'blocked', 'nobody to ask'] as const)
    assert.equal(line(withV4({ udp }, none)), 'not asked: nobody has told yet whether there is a NAT')
})

const meanings: [string, Report, RegExp][] = [
  [
    'no NAT',
    withV4({ mapping: 'none', filter: { filtering: 'none', certain: true }, keepsPort: null }),
    /^Everybody reaches this node: there is no NAT before it\.$/,
  ],
  [
    'no NAT, and a firewall',
    withV4({ mapping: 'none', keepsPort: null }),
    /^Behind a firewall: direct paths to everybody but some behind a hard NAT/,
  ],
  [
    'full cone',
    withV4({ filter: { filtering: 'endpoint-independent', certain: true } }),
    /^Everybody whom its homes call reaches this node/,
  ],
  [
    'address restricted',
    withV4({ filter: { filtering: 'address-dependent', certain: true } }),
    /hard NATs included, because only the address has to be right/,
  ],
  [
    'symmetric',
    withV4({ mapping: 'address-and-port-dependent', keepsPort: false }),
    /^Behind a hard NAT: .*none to others behind a hard NAT.* port mapping/i,
  ],
  [
    'symmetric, with a mapped port',
    withV4(
      { mapping: 'address-and-port-dependent', keepsPort: false },
      {
        portMapping: {
          state: 'mapped',
          gateway: '192.168.1.1',
          protocols: {},
          mapped: { protocol: 'pcp', external: at(1) },
        },
      },
    ),
    /^Everybody reaches this node: its router forwards a port to it \(pcp\)\.$/,
  ],
  [
    'UDP blocked',
    withV4({ udp: 'blocked' }),
    /^UDP is blocked here: .* a carrier .* is needed, and there is none yet\.$/,
  ],
  ['no answer', withV4({ udp: 'no answer' }), /blocks UDP, or wants a login first/],
  [
    'a narrow path',
    withV4({ mtu: 1232 }),
    /^Datagrams of more than 1232 bytes are lost on the way: an MTU of 1200 for the tunnel would fit\.$/m,
  ],
  [
    'our own firewall',
    withV4({}, { firewall: 'closed' }),
    /^The firewall of this machine drops what strangers send to UDP 51820/m,
  ],
  ['a clock', withV4({}, { clockAhead: 7_200_000 }), /^The clock of this machine is 2 h behind: set it/m],
  ['one reflector', withV4({ mapping: 'unknown' }), /two reflectors at different addresses are needed/],
]
for (const [what, it, expected] of meanings) {
  test(`what it means: ${what}`, () => assert.match(meaning(it).join('\n'), expected))
}
