// What is said where UDP does not get out, and of those who come by a carrier.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatEndpoint } from '../../../src/base/ip.ts'
import { guestEndpoint } from '../../../src/protocol/carrier/guest.ts'
import type { Climbed, Server } from '../../../src/protocol/carrier/words.ts'
import { answered, asked, at, type Case, direct, hard, now, of, relayed, second, silent, three } from './situations.ts'

const server = (endpoint: string, rung: Server['rung'], name = 'r1'): Server => ({ name, endpoint: at(endpoint), rung })
const carried = (...by: Server[]) => ({ carried: { by, tried: [] } })
const failed: Climbed[] = ['r1', 'r2'].map((name, i) => ({
  ...{ name, endpoint: at(`192.0.2.${i + 1}:51820`) },
  results: [
    { rung: 'tcp', result: `connect ECONNREFUSED 192.0.2.${i + 1}:51820` },
    { rung: 'wss', result: i === 0 ? 'no answer' : 'connect EHOSTUNREACH' },
  ],
}))
const guest = guestEndpoint(0)
const heard = answered(formatEndpoint(guest), { kind: 'heard', sources: ['heard'] })

const verdicts: [string, Case, RegExp][] = [
  [
    'relayed, by a WebSocket',
    {
      view: { ...relayed(...three), directAt: now + 12 * second },
      ...{ relay: 'r1', ...carried(server('192.0.2.100:51820', 'wss')) },
    },
    /^b: relayed through r1 at 192\.0\.2\.100:61002, by a WebSocket on TCP port 443 \(UDP does not get out here\), 61 ms, because none of 3 direct candidates answers; a direct path is tried next in 12 s$/,
  ],
  [
    'relayed, by TCP: what the NATs do is not the reason',
    { view: relayed(...three), relay: 'r1', ours: hard, theirs: hard, ...carried(server('192.0.2.100:51820', 'tcp')) },
    /by TCP port 51820 \(UDP .*\), 61 ms, because none of 3 direct candidates answers/,
  ],
  [
    'relayed by UDP, while a carrier leads elsewhere',
    { view: relayed(...three), relay: 'r2', ...carried(server('192.0.2.1:51820', 'wss')) },
    /^b: relayed through r2 at 192\.0\.2\.100:61002, 61 ms/,
  ],
  [
    'to the member itself, through a proxy',
    { view: direct(answered('192.0.2.7:40321', { kind: 'fixed' })), ...carried(server('192.0.2.7:40321', 'proxy')) },
    /^b: by a WebSocket through the HTTP proxy \(UDP does not get out here\), 192\.0\.2\.7:40321, 3\.1 ms, because the file names it/,
  ],
  [
    'a member that has opened one to us',
    { view: direct(heard) },
    /^b: direct, by a carrier \(TCP, WebSocket or WebRTC\) that b has opened here, 3\.1 ms, because it leads past the relay/,
  ],
  [
    'a member that this node has called',
    { view: direct(heard), ...carried({ name: 'b', endpoint: heard.endpoint, rung: 'webrtc' }) },
    /^b: direct, by WebRTC \(UDP does not get out here\), 3\.1 ms, because it leads past the relay/,
  ],
  [
    'one that did, and is silent now',
    { view: direct({ ...heard, answeredAt: now - 9 * second }), asked: asked(2, { answers: false }) },
    /it last answered 9 s ago \(a carrier \(TCP, WebSocket or WebRTC\)\)/,
  ],
  [
    'nothing gets out',
    { ours: { udp: 'no answer' }, carried: { by: [], tried: failed }, asked: asked(0) },
    /^b: no path: nothing that a sends is answered by anybody \(r1, r2: asked just now\), neither by UDP nor in a carrier/,
  ],
  [
    'carriers are up, and the member is not found',
    { ours: { udp: 'blocked' }, ...carried(server('192.0.2.1:51820', 'tcp')), theirs: null },
    /^b: no path: nobody knows where it is/,
  ],
  [
    'nothing was tried yet',
    { ours: { udp: 'no answer' }, carried: { by: [], tried: [] }, asked: asked(0) },
    /UDP is blocked in its network, or it is offline, or those nodes are down; no carrier is up yet$/,
  ],
]
for (const [what, it, expected] of verdicts) {
  test(`carriers: ${what}`, () => {
    const { verdict, reachable } = of(it)
    assert.match(verdict, expected)
    assert.equal(reachable, !/no path|in doubt/.test(verdict))
    assert.doesNotMatch(verdict, /3fff/)
  })
}

test('what is known, and what would help, where a carrier is in use', () => {
  const { facts, advice } = of({
    view: relayed(...three),
    ...{ asked: asked(2), ...carried(server('192.0.2.100:51820', 'wss'), server('192.0.2.2:51820', 'tcp', 'r2')) },
  })
  assert.equal(facts[0], 'UDP gets no answer from any node; TCP leads to r2; a WebSocket on TCP port 443 leads to r1')
  assert.match(facts[1]!, /^2 of 2 other nodes .* answered a, though not by UDP$/)
  assert.deepEqual(advice, [
    'UDP does not leave the network of a: letting it out from port 51820 would give direct paths',
  ])
})

test('where none is up: what was tried, and what each rung needs', () => {
  const { facts, advice } = of({
    view: { candidates: [silent('203.0.113.7:1')] },
    ...{ ours: { udp: 'no answer' }, carried: { by: [], tried: failed }, asked: asked(0) },
  })
  assert.equal(
    facts[0],
    'UDP gets no answer from any node, and no carrier leads to r1, r2, be it by TCP (failed: refused), by a WebSocket on TCP port 443 (failed: no answer (r1); failed: no route (r2)), by a WebSocket through the HTTP proxy (not tried: no HTTP proxy is named in the environment)',
  )
  assert.deepEqual(advice.slice(0, 4), [
    'UDP does not leave the network of a: letting it out from port 51820 would give direct paths',
    'TCP let out to 192.0.2.1:51820 or 192.0.2.2:51820 (r1 or r2) would give a relayed path',
    'so would TCP port 443 let out to r1 or r2, if it listens there (wh up … web on)',
    'so would an HTTP proxy, if this network has one: HTTPS_PROXY=http://HOST:PORT in the environment of wh up',
  ])
})

test('a member whom nobody has seen by UDP', () => {
  const { facts, advice, candidates } = of({
    view: relayed(silent('192.168.1.9:40321', { kind: 'host' })),
    theirs: { nat: 'unknown', endpoints: [{ kind: 'host', endpoint: at('192.168.1.9:40321') }] },
    asked: asked(2, { answers: true }),
  })
  assert.match(facts.join('\n'), /^no node sees b by UDP; its record names homes r1, r2/m)
  assert.deepEqual(advice, ['let UDP out of the network of b, if wh netcheck there says that it is blocked'])
  assert.match(candidates[1]!.account, /a private address: of a's own link, or of another network that has the same/)
})

test('the address of a guest is said to be only a name', () => {
  const [place] = of({ view: direct(heard) }).candidates
  assert.match(
    place!.account,
    /^only a name: what leads to b is a carrier \(TCP, WebSocket or WebRTC\): in use; answered 2 s ago/,
  )
})
