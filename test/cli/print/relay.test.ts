import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { AnswerOf } from '../../../src/api/schema.ts'
import { printRelay } from '../../../src/cli/print/relay.ts'
import { allCarriersOf } from '../../../src/daemon/answers/carriers.ts'
import { relayed, relayingOf } from '../../../src/daemon/answers/relay.ts'
import type { RelayingReport } from '../../../src/node/relaying.ts'
import { guestEndpoint } from '../../../src/protocol/carrier/guest.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'

const key = (letter: string) => letter.repeat(43) as PublicKey
const [a, b, x] = [key('A'), key('B'), key('X')]
const names = new Map([
  [a, 'a.test'],
  [b, 'b.test'],
])
const hostnameOf = (key: PublicKey) => (names.has(key) ? { hostname: names.get(key)! } : {})
const open = { server: true, reason: 'others see the address that this machine has' }
const carriers = { own: [], tried: [], guests: [], dropped: {} }
const nothing = { hostnameOf, through: [], ports: [], carriers }
const at = (last: number) => ({ host: `198.51.100.${last}`, port: 40_000 + last })
const [atA, atB, atX] = [at(1), at(2), at(3)]

const report: RelayingReport = {
  backend: 'netdev',
  ports: [
    { key: a, port: 61_001, rank: 'member' },
    { key: b, port: 61_002, rank: 'member' },
    { key: x, port: 61_003, rank: 'stranger' },
  ],
  legs: [
    { leg: { from: atA, at: 61_002, to: atB, via: 61_001 }, packets: 12, bytes: 4_096 },
    { leg: { from: atB, at: 61_001, to: atA, via: 61_002 }, packets: 3, bytes: 99 },
    { leg: { from: atX, at: 61_009, to: at(4), via: 61_003 }, packets: 1, bytes: 60 },
  ],
  dropped: { 'no leg': 2, other: 0 },
}
const empty: RelayingReport = { backend: null, ports: [], legs: [], dropped: {} }
const printed = (answer: AnswerOf<'relay'>) => stripVTControlCharacters(printRelay('test', answer))

test('a relay: guests, and each leg by the names of both ends, or where they are', () => {
  const answer = relayed({ ...nothing, relaying: relayingOf('anyone', report, open), report })
  assert.equal(
    printed(answer),
    `network test
  relays   for anyone: others see the address that this machine has
  by       the kernel
  guests   a.test at 61001, b.test at 61002, 1 stranger
  dropped  2 no leg

  FROM         TO                  PACKETS  TRAFFIC
  a.test       b.test              12       4.0 KiB
  b.test       a.test              3        99 B
  XXXXXXXXXX…  198.51.100.4:40004  1        60 B`,
  )
  assert.deepEqual(answer.legs[0], {
    ...{ from: { key: a, hostname: 'a.test' }, source: '198.51.100.1:40001' },
    ...{ to: { key: b, hostname: 'b.test' }, destination: '198.51.100.2:40002', packets: 12, bytes: 4_096 },
  })
})

test('where nobody has come yet', () => {
  const answer = relayed({ ...nothing, relaying: relayingOf('members', empty, open), report: empty })
  assert.equal(
    printed(answer),
    `network test
  relays   for members of this network: others see the address that this machine has
  guests   none
  carries  nothing now`,
  )
  assert.ok(!('backend' in answer))
})

test('why it does not relay, and through whom it reaches others', () => {
  const relaying = relayingOf('members', null, { server: false, reason: 'behind a NAT' })
  const relay = { key: x }
  const endpoint = '203.0.113.1:61002'
  const answer = relayed({
    ...{ relaying, report: null, hostnameOf, through: [{ key: b, hostname: 'b.test', relay, endpoint }] },
    ports: [{ key: x, endpoint: '203.0.113.1:61001' }],
    carriers,
  })
  assert.equal(
    printed(answer),
    `network test
  relays   no: behind a NAT; for members of this network, once others can reach this node
  reached  at 203.0.113.1:61001 through XXXXXXXXXX…

  MEMBER  THROUGH      AT
  b.test  XXXXXXXXXX…  203.0.113.1:61002`,
  )
})

test('carriers of others that lead here: for whom, how much, and what was dropped', () => {
  const counters = { sent: 30, received: 12, dropped: 2 }
  const guests = [
    { key: a, ...counters },
    { key: x, ...counters, dropped: 0 },
  ]
  const named = (key: PublicKey) => ({ key, ...hostnameOf(key) })
  const of = allCarriersOf({ own: [], tried: [], guests, dropped: { 'port of nobody': 3 } }, named, key => key !== x)
  // the address of a guest is only a name
  const leg = { from: guestEndpoint(0), at: 61_009, to: at(4), via: 61_003 }
  const carrying = { ...empty, legs: [{ leg, packets: 1, bytes: 60 }], dropped: { 'no leg': 1 } }
  const answer = relayed({
    ...{ hostnameOf, through: [], ports: [], relaying: relayingOf('members', carrying, open), report: carrying },
    carriers: of,
  })
  assert.equal(
    printed(answer),
    `network test
  relays   for members of this network: others see the address that this machine has
  guests   none
  dropped  1 no leg, 3 port of nobody, 2 no room in a carrier

  FROM                                  TO                  PACKETS  TRAFFIC
  a carrier (TCP, WebSocket or WebRTC)  198.51.100.4:40004  1        60 B

  CARRIER OF   DATAGRAMS IN  OUT
  a.test       12            30
  XXXXXXXXXX…  12            30`,
  )
  assert.deepEqual(answer.carriers.guests[0], { key: a, hostname: 'a.test', member: true, ...counters })
})

test('carriers of this node, and who is reached by them', () => {
  const relaying = relayingOf('members', null, { server: false, reason: 'no evidence yet that others can reach it' })
  const own = [{ key: x, endpoint: at(9), rung: 'wss' as const, sent: 5, received: 4, dropped: 0 }]
  const answer = relayed({
    ...{ relaying, report: null, hostnameOf, ports: [] },
    through: [{ key: b, hostname: 'b.test', relay: { key: x }, endpoint: '198.51.100.9:61002', by: 'wss' }],
    carriers: allCarriersOf(
      { own, tried: [], guests: [], dropped: {} },
      key => ({ key }),
      () => false,
    ),
  })
  assert.equal(
    printed(answer).split('\n').slice(2).join('\n'),
    `  carried  by a WebSocket on TCP port 443 through XXXXXXXXXX…; UDP does not get out

  MEMBER  THROUGH      AT
  b.test  XXXXXXXXXX…  198.51.100.9:61002 by wss

  CARRIER TO   BY   DATAGRAMS IN  OUT
  XXXXXXXXXX…  wss  4             5`,
  )
})

test('the owner has said never, or nobody has said where this node is', () => {
  const words = (relaying: ReturnType<typeof relayingOf>) =>
    printed(relayed({ ...nothing, relaying, report: null }))
      .split('\n')
      .slice(1)
  assert.deepEqual(words(relayingOf('never', null, open)), ['  relays   never, said at wh up'])
  assert.deepEqual(words(relayingOf('anyone', null, open)), [
    '  relays   no: nobody has told yet where this node is seen; for anyone, once others can reach this node',
  ])
})
