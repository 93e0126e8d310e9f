// Every situation that a person may ask about, and what is said first.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEndpoint } from '../../../src/base/ip.ts'
import type { BirthdayView } from '../../../src/protocol/nat/birthday.ts'
import { type Explanation, explain, type Ours, type Subject, type Theirs } from '../../../src/protocol/path/explain.ts'
import type { CandidateView, PathView } from '../../../src/protocol/path/view.ts'

const at = (text: string) => parseEndpoint(text)!
const around = { overlays: [], own: [{ address: '192.168.1.2', length: 24 }], port: 51_820 }
const second = 1_000
const now = 1_000 * second
const wall = 1_800_000_000_000

const ours: Ours = {
  name: 'a',
  nat: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  around,
  reflexive: [at('198.51.100.1:51820')],
  udp: 'works',
  firewall: null,
  clockAhead: 0,
}
const theirs: Theirs = {
  nat: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  endpoints: [{ kind: 'reflexive', endpoint: at('203.0.113.7:40321') }],
  expires: wall + 20 * 3600 * second,
  homes: ['r1', 'r2'],
}
const view: PathView = {
  ...{ state: 'hunting', hunt: 'rest', since: now - 100 * second },
  ...{ inUse: false, parked: false, held: false, far: true },
  ...{ offersSent: 0, lastOfferedAt: null, offersAnswered: 0, peerOfferedAt: null, beatsSent: 0, beatsMissed: 0 },
  ...{ candidates: [], refused: [] },
}
const silent = (endpoint: string, more: Partial<CandidateView> = {}): CandidateView => ({
  ...{
    endpoint: at(endpoint),
    kind: 'reflexive',
    sources: ['record'],
    why: 'no answer',
    whyAt: now - 8 * second,
    rtt: null,
  },
  ...{ probes: 6, lastProbeAt: now - 12 * second, answeredAt: null, ...more },
})
const answered = (endpoint: string, more: Partial<CandidateView> = {}) =>
  silent(endpoint, { why: 'in use', rtt: 3.14, answeredAt: now - 2 * second, ...more })
const three = [silent('203.0.113.7:40321'), silent('10.0.0.5:51820', { kind: 'host' }), silent('203.0.113.7:51820')]
const birthday: BirthdayView = {
  ...{ state: 'rest', role: 'easy', why: 'no answer', sockets: 0, probes: 1_000 },
  ...{ startedAt: now - 22 * second, endedAt: now - 12 * second },
}

type Case = { view?: Partial<PathView>; ours?: Partial<Ours>; theirs?: Partial<Theirs> | null } & Partial<
  Pick<Subject, 'call' | 'guessing' | 'latestHandshake'>
>
function of(it: Case): Explanation {
  return explain({
    ...{ name: 'b', now, wall, call: null, guessing: null, ...it },
    view: { ...view, ...it.view },
    ours: { ...ours, ...it.ours },
    theirs: it.theirs === null ? null : { ...theirs, ...it.theirs },
  })
}
const call = (...homes: [string, string][]) => ({
  at: now - 5 * second,
  homes: homes.map(([name, state]) => ({ name, state })),
})
const direct = (candidate: CandidateView, ...others: CandidateView[]): Partial<PathView> => ({
  ...{ state: 'direct', inUse: true, proof: 'pong' },
  ...{ endpoint: candidate.endpoint, kind: candidate.kind, rtt: candidate.rtt },
  candidates: [candidate, ...others],
})
const hard = { nat: 'endpoint-dependent' } as const

const verdicts: [string, Case, RegExp][] = [
  [
    'direct: why this one',
    { view: direct(answered('192.0.2.7:40321', { kind: 'fixed' }), ...three) },
    /^b: direct, 192\.0\.2\.7:40321, 3\.1 ms, because the file names it and it answers; no other candidate has answered$/,
  ],
  [
    'direct: others answered too',
    {
      view: direct(
        answered('192.168.1.7:40321', { kind: 'lan' }),
        answered('203.0.113.7:40321', { why: 'answered, another ranks better' }),
      ),
    },
    /because it is on the same link and it answers; 1 other answered and ranks no better$/,
  ],
  [
    'direct: through WireGuard alone',
    { view: { ...direct(answered('203.0.113.7:1', { kind: 'roamed', rtt: null })), proof: 'tunnel' } },
    /^b: direct, 203\.0\.113\.7:1, because WireGuard has a session there; it answers no PING$/,
  ],
  [
    'direct: a guessed port',
    { view: direct(answered('203.0.113.7:1234', { kind: 'punched', sources: ['spray'] })) },
    /because its port was guessed \(birthday probing\)/,
  ],
  [
    'resting, and where it was',
    {
      view: {
        ...{ state: 'idle', parked: true, since: now - 240 * second },
        candidates: [
          answered('203.0.113.7:40321', { why: 'answered, nobody uses the peer', answeredAt: now - 250 * second }),
        ],
      },
    },
    /^b: resting: nobody has used it for 4 min; the first packet wakes it; 203\.0\.113\.7:40321 answered 4 min ago$/,
  ],
  [
    'parked with a path that is remembered',
    { view: { ...direct(answered('203.0.113.7:1')), inUse: false, parked: true } },
    /^b: resting/,
  ],
  [
    'idle, and gone from where it was: that is no rest',
    {
      view: {
        ...{ state: 'idle', parked: true },
        candidates: [silent('203.0.113.7:40321', { why: 'stopped answering', answeredAt: now - 90 * second })],
      },
      call: call(['r1', 'absent']),
    },
    /^b: no path: none of the 1 candidate answered, and r1 knows it no more/,
  ],
  [
    'idle, and never found: the cause, and that nobody looks',
    { view: { state: 'idle', parked: true, candidates: three } },
    /^b: no path: none of the 3 candidates answered, .* \(not looked for now: the first packet begins a new search\)$/,
  ],
  [
    'UDP blocked here',
    { ours: { udp: 'blocked' }, view: { candidates: three } },
    /^b: no path: UDP is blocked in the network of a, so no direct path is possible; a relay would be needed$/,
  ],
  [
    'nothing answers, nobody at all',
    { ours: { udp: 'no answer' }, view: { candidates: three } },
    /nothing that a sends by UDP is answered by anybody: UDP is blocked in its network, or it is offline/,
  ],
  [
    'nobody knows where it is',
    { theirs: null, latestHandshake: wall - 3 * 3600 * second },
    /^b: no path: nobody knows where it is: .*; the last session was 3 h ago$/,
  ],
  ['a record without endpoints', { theirs: { endpoints: [] } }, /its record names no endpoint$/],
  [
    'all that is known is refused',
    { view: { refused: [{ endpoint: '10.0.42.3:1', why: 'overlay address' }] } },
    /every endpoint that is known of it is refused, as 10\.0\.42\.3:1 \(overlay address\)$/,
  ],
  [
    'a family that is missing here',
    { view: { candidates: [silent('[2001:db8:9::1]:1', { why: 'no IPv6 here', probes: 0, lastProbeAt: null })] } },
    /b has IPv6 endpoints only, and a has no IPv6 address$/,
  ],
  [
    'two hard NATs',
    { ours: hard, theirs: hard, view: { candidates: three } },
    /the routers of a and of b both map each destination to another port .* no direct path is possible; a relay would be needed$/,
  ],
  [
    'just begun',
    { view: { hunt: 'active', since: now - 2 * second, candidates: three } },
    /looked for since 2 s, 3 candidates; ask again/,
  ],
  [
    'one way only',
    { view: { candidates: [silent('203.0.113.7:9', { kind: 'heard', sources: ['heard'], probes: 1 })] } },
    /one way only: packets of b arrive here from 203\.0\.113\.7:9, and it answers nothing that is sent there$/,
  ],
  [
    'birthday probing that failed',
    { theirs: hard, view: { candidates: three, peerOfferedAt: now - 5 * second }, guessing: birthday },
    /b's router maps each destination to another port .*, and a's lets in only who was written to: birthday probing was tried 12 s ago, 1000 probes, no answer/,
  ],
  [
    'birthday probing under way, from the hard side',
    {
      ours: hard,
      view: { candidates: three, peerOfferedAt: now - second },
      guessing: {
        ...birthday,
        state: 'open',
        role: 'hard',
        sockets: 256,
        probes: 340,
        endedAt: null,
        startedAt: now - 3 * second,
      },
    },
    /a's router maps each destination .*, and b's lets in only .*: birthday probing is under way, begun 3 s ago, 340 probes at 256 open ports so far$/,
  ],
  [
    'birthday probing that cannot be',
    { ours: hard, view: { candidates: three, peerOfferedAt: now - second } },
    /ports are not guessed here: birthday probing is off, or nftables is missing$/,
  ],
  [
    'a hard NAT, and a filter that should let it in: no ports have to be guessed',
    {
      ours: hard,
      theirs: { filtering: 'endpoint-independent' },
      view: { candidates: three, peerOfferedAt: now - second },
    },
    /so it is up; none of the 3 candidates answered/,
  ],
  [
    'up, and nothing gets through',
    { view: { candidates: three, peerOfferedAt: now - 5 * second }, call: call(['r1', 'passed'], ['r2', 'silent']) },
    /b was reached through its home r1 and answered 5 s ago, so it is up; none of the 3 candidates answered, nor has any PING of b arrived here$/,
  ],
  [
    'called, and nothing came back',
    { view: { candidates: three }, call: call(['r1', 'passed']) },
    /its home r1 passed our call on 5 s ago, and nothing came back/,
  ],
  [
    'its homes do not know it',
    {
      view: { candidates: three },
      call: call(['r1', 'absent'], ['r2', 'absent']),
      latestHandshake: wall - 7200 * second,
    },
    /r1, r2 know it no more: it is off, or has moved .*; it was last seen 2 h ago$/,
  ],
  [
    'its homes are silent',
    { view: { candidates: three }, call: call(['r1', 'silent'], ['r2', 'silent']) },
    /nobody answers for it: r1, r2 silent; it is off, or its homes are/,
  ],
  [
    'no home at all',
    { view: { candidates: three }, theirs: { homes: [] } },
    /it has no home through which it could be called: it is off, or something on the way drops UDP; it was never seen$/,
  ],
  [
    'an expired record',
    { view: { candidates: three }, theirs: { homes: [], expires: wall - 3600 * second } },
    /its record has expired$/,
  ],
]
for (const [what, it, expected] of verdicts) {
  test(`verdict: ${what}`, () => {
    const { verdict, reachable } = of(it)
    assert.match(verdict, expected)
    assert.equal(reachable, /^b: (direct|resting)/.test(verdict))
  })
}

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
    '3 calls sent, the last 5 s ago through r1 (passed), r2 (silent); 1 answered',
    'birthday probing: rest, 1000 probes, begun 22 s ago (no answer)',
    '7 of 100 PINGs on the path in use got no answer',
    'the last WireGuard handshake was 3 min ago',
  ])
})
