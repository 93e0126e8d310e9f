// Every situation that a person may ask about, and what is said first.

import assert from 'node:assert/strict'
import { test } from 'node:test'
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
  relayed,
  second,
  silent,
  three,
  wall,
} from './situations.ts'

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
    'relayed: why, through whom, and when a direct path is tried again',
    { view: { ...relayed(...three), directAt: now + 12 * second }, relay: 'r1' },
    /^b: relayed through r1 at 192\.0\.2\.100:61002, 61 ms, because none of 3 direct candidates answers; a direct path is tried next in 12 s$/,
  ],
  [
    'relayed: two hard NATs, being tried, and nobody knows how the relay is called',
    { view: { ...relayed(...three), hunt: 'active' }, ours: hard, theirs: hard },
    /^b: relayed through 192\.0\.2\.100:61002, 61 ms, because the routers of a and of b both map .* no direct path is possible; a direct path is being tried now$/,
  ],
  [
    'relayed, no other place',
    { view: { ...relayed(), directAt: now } },
    /because no place of its own is known; .* in 0 s$/,
  ],
  [
    'two hard NATs, and relays that do not answer',
    { view: { candidates: [...three, silent('192.0.2.100:61002', { kind: 'relayed' })] }, ours: hard, theirs: hard },
    /no direct path is possible; none of its relays answers$/,
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
    /^b: resting: nobody has used it for 4 min; the first packet wakes it; it last answered 4 min ago \(203\.0\.113\.7:40321\)$/,
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
    /^b: no path: it last answered 90 s ago \(203\.0\.113\.7:40321\), and nothing of it has come since; r1 knows it no more/,
  ],
  [
    'idle, and never found: the cause, and that nobody looks',
    { view: { state: 'idle', parked: true, candidates: three } },
    /^b: no path: none of the 3 candidates answered; .* \(not looked for now: the first packet begins a new search\)$/,
  ],
  [
    'UDP blocked here',
    { ours: { udp: 'blocked' }, view: { candidates: three } },
    /^b: no path: UDP is blocked in the network of a, so no direct path is possible, and no carrier leads to a node that would relay$/,
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
    {
      view: { candidates: [silent('203.0.113.7:9', { kind: 'heard', sources: ['heard'], probes: 1 })] },
      heard: { endpoint: at('203.0.113.7:9'), at: now - 4 * second },
    },
    /one way only: packets of b arrive here from 203\.0\.113\.7:9, the last 4 s ago, and nothing that is sent there is answered$/,
  ],
  [
    'one way, but long ago: that is the past',
    {
      view: { candidates: [silent('203.0.113.7:9', { kind: 'heard', sources: ['heard'], probes: 1 })] },
      heard: { endpoint: at('203.0.113.7:9'), at: now - 12 * second },
      call: call(['r1', 'passed']),
    },
    /none of the 1 candidate answered; r1 passed our call on 5 s ago, and nothing came back/,
  ],
  [
    'it went off: what it said before says nothing of now',
    {
      view: lost,
      call: call(['r1', 'passed']),
      asked: asked(2),
      heard: { endpoint: at('203.0.113.7:51820'), at: now - 35 * second },
    },
    /^b: no path: it stopped answering 36 s ago \(203\.0\.113\.7:40321\), and nothing of it has come since; r1 passed our call on 5 s ago, and nothing came back: it went off in the last two minutes, or its network did/,
  ],
  [
    'it went off a moment ago, and nothing is known yet',
    {
      view: {
        ...lost,
        hunt: 'active',
        since: now - 2 * second,
        candidates: [{ ...lost.candidates![0]!, answeredAt: now - 4 * second }],
      },
    },
    /^b: no path: it stopped answering 4 s ago \(203\.0\.113\.7:40321\); looked for since 2 s, 1 candidate; ask again/,
  ],
  [
    'it was up after the path was lost, and went off then',
    {
      view: { ...lost, peerOfferedAt: now - 12 * second, lastOfferedAt: now - 3 * second },
      call: call(['r1', 'passed']),
    },
    /nothing of it has come since; r1 passed our call/,
  ],
  [
    'it went off behind a hard NAT whose port had been guessed',
    {
      theirs: hard,
      view: lost,
      guessing: { ...birthday, why: 'met', probes: 0, sockets: 256 },
      call: call(['r1', 'absent']),
    },
    /^b: no path: it stopped answering 36 s ago .*; r1 knows it no more/,
  ],
  [
    'a guessed port that was lost, and it is up',
    {
      ...{ theirs: hard, guessing: { ...birthday, why: 'met', probes: 0, sockets: 256 } },
      view: { ...lost, peerOfferedAt: now - 2 * second },
    },
    /birthday probing has met it 12 s ago, and that path was lost again; ports are guessed anew/,
  ],
  [
    'our own network is dead: nobody answers, whoever answered before',
    { ours: { udp: 'works' }, view: lost, asked: asked(0), call: call(['r1', 'silent']) },
    /^b: no path: nothing that a sends by UDP is answered by anybody \(r1, r2: asked just now\): UDP is blocked in its network, or it is offline, or those nodes are down; no carrier is up yet; b stopped answering 36 s ago/,
  ],
  [
    'our own network is dead, and the peer was off before',
    {
      ...{
        asked: asked(0),
        view: { ...lost, since: now - 500 * second },
        heard: { endpoint: at('203.0.113.7:51820'), at: now - 60 * second },
      },
    },
    /nothing that a sends by UDP is answered by anybody/,
  ],
  [
    'netcheck was silent once, and others answer now',
    { ours: { udp: 'no answer' }, view: { candidates: three }, asked: asked(1), call: call(['r1', 'absent']) },
    /none of the 3 candidates answered; r1 knows it no more/,
  ],
  [
    'UDP was blocked, and others answer now',
    { ours: { udp: 'blocked' }, view: { candidates: three }, asked: asked(1), call: call(['r1', 'absent']) },
    /none of the 3 candidates answered; r1 knows it no more/,
  ],
  [
    'the boot nodes do not answer, and the peer does',
    { view: { candidates: three, peerOfferedAt: now - second }, asked: asked(0), call: call(['r3', 'passed']) },
    /so it is up; none of the 3 candidates answered/,
  ],
  [
    'direct, and silent at this moment',
    { view: direct(answered('203.0.113.7:40321')), asked: asked(2, { answers: false, calledAt: null }) },
    /^b: in doubt: it last answered 2 s ago \(203\.0\.113\.7:40321\), and not to the PINGs of this moment$/,
  ],
  [
    'direct, and nobody at all answers at this moment',
    {
      view: direct(answered('203.0.113.7:40321', { answeredAt: now - 90 * second })),
      asked: asked(0, { answers: false }),
    },
    /^b: no path: nothing that a sends by UDP is answered by anybody \(r1, r2: asked just now\).*; b last answered 90 s ago/,
  ],
  [
    'resting, and silent at this moment',
    {
      view: {
        ...{ state: 'idle', parked: true, since: now - 240 * second, endpoint: at('203.0.113.7:40321') },
        candidates: [
          answered('203.0.113.7:40321', { why: 'answered, nobody uses the peer', answeredAt: now - 250 * second }),
        ],
      },
      asked: asked(2, { answers: false }),
    },
    /^b: resting: .*; it last answered 4 min ago \(203\.0\.113\.7:40321\), and does not answer there now$/,
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
    /b was reached through r1 and answered 5 s ago, so it is up; none of the 3 candidates answered, nor has any PING of b arrived here$/,
  ],
  [
    'up since the path was lost',
    { view: { ...lost, peerOfferedAt: now - 3 * second }, call: call(['r1', 'passed']) },
    /answered 3 s ago, so it is up; .* nor has any PING of b arrived here since; it stopped answering 36 s ago/,
  ],
  [
    'called, and nothing came back',
    { view: { candidates: three }, call: call(['r1', 'passed']) },
    /r1 passed our call on 5 s ago, and nothing came back/,
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
    /nobody answers for it: r1, r2 silent; it is off, or its network is, or its homes are/,
  ],
  [
    'no home at all',
    { view: { candidates: three }, theirs: { homes: [] } },
    /it has no home through which it could be called: it is off, or its network is, or something on the way drops UDP; it was never seen$/,
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
    assert.equal(reachable, /^b: (direct|relayed|resting)/.test(verdict))
  })
}
