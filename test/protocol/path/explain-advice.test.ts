// What is said beside the verdict: advice, what became of each candidate, and facts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Asked } from '../../../src/protocol/path/life.ts'
import type { CandidateView } from '../../../src/protocol/path/view.ts'
import {
  answered,
  asked,
  at,
  birthday,
  type Case,
  call,
  direct,
  hard,
  lost,
  now,
  of,
  open,
  second,
  silent,
  three,
  wall,
} from './situations.ts'

const advice: [string, Case, RegExp][] = [
  [
    "the peer's own firewall, on our link",
    {
      view: { candidates: [silent('192.168.1.9:40321', { kind: 'host' })], peerOfferedAt: now - second },
      theirs: { endpoints: [{ kind: 'reflexive', endpoint: at('198.51.100.1:40321') }] },
    },
    /^b's host firewall closes UDP 40321: opening it would give a direct path$/m,
  ],
  [
    'the same where a longer path works',
    {
      view: direct(
        answered('203.0.113.7:1', { answeredAt: now - second }),
        silent('192.168.1.9:40321', { kind: 'host' }),
      ),
      theirs: { endpoints: [] },
    },
    /opening it would give a path on the link itself$/m,
  ],
  [
    'our own firewall',
    { ours: { firewall: 'closed' }, view: { candidates: three } },
    /^a's host firewall closes UDP 51820: opening it would let b begin$/m,
  ],
  [
    'a forwarded port that is shut',
    { view: { candidates: [silent('203.0.113.80:443', { kind: 'mapped' })], peerOfferedAt: now } },
    /something before b drops UDP at 203\.0\.113\.80:443/,
  ],
  [
    'a wrong clock',
    { ours: { clockAhead: -7200 * second }, theirs: null },
    /^set the clock of a: it is 2 h ahead, and records may be refused$/m,
  ],
  [
    'two routers that should meet, and do not: what spoils that',
    { view: { candidates: three, peerOfferedAt: now - second } },
    /^a router of a or b that is a Linux machine and only masquerades must drop what nobody asked for on its outside .*$/m,
  ],
  [
    'a peer without a NAT: the firewall is named, not a router',
    {
      theirs: { nat: 'none', filtering: 'address-and-port-dependent' },
      ours: open,
      view: { candidates: three, peerOfferedAt: now - second },
    },
    /^UDP let in by the firewall before b, at its port \(wh show there\), would give a direct path$/m,
  ],
  [
    'a hard NAT and a firewall without NAT',
    {
      theirs: { nat: 'none', filtering: 'address-and-port-dependent' },
      ours: hard,
      view: { candidates: three, peerOfferedAt: now - second },
      guessing: birthday,
    },
    /^port mapping \(UPnP, PCP\) on a's router.*\nUDP let in by the firewall before b, at its port/m,
  ],
  [
    'two hard NATs: port mapping on either',
    { ours: hard, theirs: hard, view: { candidates: three } },
    /port mapping \(UPnP, PCP\) on b's router/,
  ],
]
for (const [what, it, expected] of advice) {
  test(`advice: ${what}`, () => assert.match(of(it).advice.join('\n'), expected))
}

test('a path that is as good as it can be needs no advice', () => {
  const it = of({
    view: direct(
      answered('192.168.1.7:1', { kind: 'lan' }),
      silent('192.168.1.9:1', { kind: 'host' }),
      silent('203.0.113.80:1', { kind: 'mapped' }),
    ),
  })
  assert.deepEqual(it.advice, [])
})

const accounts: [string, CandidateView, string][] = [
  ['in use', answered('203.0.113.7:1'), "where others see b (b's record says so): in use; answered 2 s ago in 3.1 ms"],
  ['silent', silent('203.0.113.7:1'), "where others see b (b's record says so): 6 PINGs, the last 12 s ago, no answer"],
  [
    'from an OFFER, under way',
    silent('203.0.113.7:1', { why: 'being tried', sources: ['offer'], probes: 1, lastProbeAt: now }),
    'where others see b (b says so now): 1 PING, the last 0 s ago, still waiting',
  ],
  [
    'it answered once',
    silent('203.0.113.7:1', {
      why: 'stopped answering',
      kind: 'cached',
      sources: ['cache'],
      rtt: 15,
      answeredAt: now - 90 * second,
    }),
    'where it was the last time: 6 PINGs, the last 12 s ago, no answer; it answered 90 s ago in 15 ms',
  ],
  [
    'no such family here',
    silent('[2001:db8:9::1]:1', { why: 'no IPv6 here', kind: 'host', probes: 0, lastProbeAt: null }),
    "an address of b's machine (b's record says so): not tried: a has no IPv6 address",
  ],
  [
    'private, elsewhere',
    silent('10.0.0.5:1', { kind: 'host' }),
    "an address of b's machine (b's record says so): 6 PINGs, the last 12 s ago, no answer; a private address of another network leads nowhere from here",
  ],
  [
    'private, the same range in another house',
    silent('192.168.1.9:1', { kind: 'host' }),
    "an address of b's machine (b's record says so): 6 PINGs, the last 12 s ago, no answer; a's network uses the same private range, but b is behind another router",
  ],
]
for (const [what, candidate, expected] of accounts) {
  test(`a candidate: ${what}`, () =>
    assert.equal(of({ view: { candidates: [candidate] } }).candidates[0]?.account, expected))
}

test('where there is no NAT on either side, nobody is told to map ports', () => {
  for (const guessing of [null, birthday]) {
    const it = of({ ours: open, theirs: open, view: { candidates: three, peerOfferedAt: now - second }, guessing })
    assert.doesNotMatch(it.advice.join('\n'), /port mapping|masquerades/)
    assert.match(it.verdict, /so it is up/)
  }
})

test('a peer that went off: no firewall is blamed, and no port mapping advised', () => {
  for (const state of ['passed', 'absent', 'silent']) {
    const { verdict, advice, candidates } = of({ view: lost, call: call(['r1', state]), asked: asked(2) })
    assert.doesNotMatch(
      [verdict, ...advice, ...candidates.map(each => each.account)].join('\n'),
      /firewall|port mapping|is up[,;]/,
    )
  }
})

test('a fact: who was asked just now', () => {
  const said = (it: Asked) => of({ view: { candidates: three }, asked: it }).facts[1]
  assert.equal(said(asked(1)), '1 of 2 other nodes asked just now (r1, r2) answered a')
  assert.equal(said(asked(0)), 'none of 2 other nodes asked just now (r1, r2) answered a')
  assert.match(said(asked(0, { others: [] }))!, /^b's router/)
})

test('facts of both sides, of calls and of guesses', () => {
  const { facts } = of({
    theirs: hard,
    view: {
      candidates: three,
      offersSent: 3,
      offersAnswered: 1,
      lastOfferedAt: now - 5 * second,
      beatsSent: 100,
      beatsMissed: 7,
    },
    call: call(['r1', 'passed'], ['r2', 'silent']),
    guessing: birthday,
    latestHandshake: wall - 180 * second,
  })
  assert.deepEqual(facts, [
    "a's router shows one port to everybody (endpoint-independent mapping), and lets in only who was written to (address-and-port-dependent filtering)",
    "b's router maps each destination to another port (endpoint-dependent mapping), and lets in only who was written to (address-and-port-dependent filtering); its record names homes r1, r2, and is valid for 20 h",
    'called 5 s ago through r1 (passed), r2 (silent); none of its own ever came',
    'birthday probing: rest, 1000 probes, begun 22 s ago (no answer)',
    '7 of 100 PINGs on the path in use got no answer',
    'the last WireGuard handshake was 3 min ago',
  ])
})
