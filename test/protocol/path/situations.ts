// Situations that a person may ask about, to be told with small differences.

import { parseEndpoint } from '../../../src/base/ip.ts'
import type { BirthdayView } from '../../../src/protocol/nat/birthday.ts'
import { type Explanation, explain, type Ours, type Subject, type Theirs } from '../../../src/protocol/path/explain.ts'
import type { Asked } from '../../../src/protocol/path/life.ts'
import type { CandidateView, PathView } from '../../../src/protocol/path/view.ts'

export const at = (text: string) => parseEndpoint(text)!
export const around = { overlays: [], own: [{ address: '192.168.1.2', length: 24 }], port: 51_820 }
export const second = 1_000
export const now = 1_000 * second
export const wall = 1_800_000_000_000

export const ours: Ours = {
  name: 'a',
  nat: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  around,
  reflexive: [at('198.51.100.1:51820')],
  udp: 'works',
  firewall: null,
  clockAhead: 0,
}
export const theirs: Theirs = {
  nat: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  endpoints: [{ kind: 'reflexive', endpoint: at('203.0.113.7:40321') }],
  expires: wall + 20 * 3600 * second,
  homes: ['r1', 'r2'],
}
export const view: PathView = {
  ...{ state: 'hunting', hunt: 'rest', since: now - 100 * second },
  ...{ inUse: false, parked: false, held: false, far: true },
  ...{ offersSent: 0, lastOfferedAt: null, offersAnswered: 0, peerOfferedAt: null, beatsSent: 0, beatsMissed: 0 },
  ...{ candidates: [], refused: [] },
}
export const silent = (endpoint: string, more: Partial<CandidateView> = {}): CandidateView => ({
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
export const answered = (endpoint: string, more: Partial<CandidateView> = {}) =>
  silent(endpoint, { why: 'in use', rtt: 3.14, answeredAt: now - 2 * second, ...more })
export const three = [
  silent('203.0.113.7:40321'),
  silent('10.0.0.5:51820', { kind: 'host' }),
  silent('203.0.113.7:51820'),
]
export const birthday: BirthdayView = {
  ...{ state: 'rest', role: 'easy', why: 'no answer', sockets: 0, probes: 1_000 },
  ...{ startedAt: now - 22 * second, endedAt: now - 12 * second },
}

export type Case = { view?: Partial<PathView>; ours?: Partial<Ours>; theirs?: Partial<Theirs> | null } & Partial<
  Pick<Subject, 'relay' | 'carried' | 'call' | 'guessing' | 'latestHandshake' | 'heard' | 'asked'>
>
export function of(it: Case): Explanation {
  return explain({
    ...{ name: 'b', now, wall, call: null, guessing: null, ...it },
    view: { ...view, ...it.view },
    ours: { ...ours, ...it.ours },
    theirs: it.theirs === null ? null : { ...theirs, ...it.theirs },
  })
}
export const call = (...homes: [string, string][]) => ({
  at: now - 5 * second,
  homes: homes.map(([name, state]) => ({ name, state })),
})
export const direct = (candidate: CandidateView, ...others: CandidateView[]): Partial<PathView> => ({
  ...{ state: 'direct', inUse: true, proof: 'pong' },
  ...{ endpoint: candidate.endpoint, kind: candidate.kind, rtt: candidate.rtt },
  candidates: [candidate, ...others],
})
export const hard = { nat: 'endpoint-dependent' } as const
export const open = { nat: 'none', filtering: 'none' } as const
/** Asked just now: two others of whom so many answered, and the peer, by a call. */
export const asked = (answered: number, more: Partial<Asked> = {}): Asked => ({
  ...{ answers: null, others: ['r1', 'r2'], answered, calledAt: now - 1.6 * second, ...more },
})
/** It was direct until 36 s ago, and its last OFFER came before that. */
export const lost: Partial<PathView> = {
  ...{ since: now - 34 * second, peerOfferedAt: now - 36 * second },
  candidates: [
    silent('203.0.113.7:40321', { why: 'stopped answering', answeredAt: now - 36 * second, rtt: 3 }),
    silent('10.0.0.5:51820', { kind: 'host' }),
    silent('203.0.113.7:51820', { kind: 'heard', sources: ['heard'] }),
  ],
}

export const relay = answered('192.0.2.100:61002', { kind: 'relayed', sources: ['relay'], rtt: 61.2 })
export const relayed = (...others: CandidateView[]): Partial<PathView> => ({
  ...direct(relay, ...others),
  relayed: true,
})
