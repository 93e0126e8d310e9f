/** One candidate's way up the ladder of probes: each rung a probe, and after the last one a wait for the answer. */

import type { Allowance } from '../../base/allowance.ts'
import type { Time } from '../../base/time.ts'
import { type Candidate, judge } from './candidate.ts'
import { answerRtts, answerWait, heardRungs, ladder } from './constants.ts'
import type { Output } from './events.ts'

/** Probes at once, then as the ladder says. A climb under way begins again. @param wait ms for the answer to the last one */
export function begin(candidate: Candidate, rungs: number, now: Time, wait: Time = answerWait): void {
  candidate.climb = { rungs, wait, step: 0, next: now }
  if (candidate.why !== 'in use') judge(candidate, 'being tried', now)
}

/** One probe now: the next rung of a climb under way, or one by itself. */
export function probeNow(candidate: Candidate, now: Time): void {
  const { climb } = candidate
  if (climb && climb.step < climb.rungs) climb.next = now
  else begin(candidate, heardRungs, now)
}

/** A climb as long as the ladder is a hunt's, a shorter one is not. */
export function isHunted(candidate: Candidate): boolean {
  return candidate.climb?.rungs === ladder.length
}

/** A PONG: the climb is over. The round trip is smoothed as in RFC 6298 §2.3. */
export function answer(candidate: Candidate, rtt: number, now: Time): void {
  candidate.climb = null
  candidate.answeredAt = candidate.lastAnswerAt = now
  candidate.rtt = candidate.rtt === null ? rtt : candidate.rtt + (rtt - candidate.rtt) / 8
}

/** All probes that are due, as far as the allowance goes, and the candidates that have not answered to the end. */
export function advanceAll(
  candidates: readonly Candidate[],
  allowance: Allowance,
  now: Time,
): { readonly probes: Output[]; readonly silent: Candidate[] } {
  const probes: Output[] = []
  const silent: Candidate[] = []
  for (const candidate of candidates) {
    const due = advance(candidate, now)
    if (due === 'probe' && allowance.take(now)) {
      candidate.probes += 1
      candidate.lastProbeAt = now
      probes.push({ kind: 'probe', endpoint: candidate.endpoint, candidate: candidate.id })
    } else if (due === 'probe') {
      // not asked is not silent
      candidate.climb = null
      if (candidate.why !== 'in use') judge(candidate, 'no probes left for now', now)
    } else if (due === 'silent') {
      judge(candidate, candidate.answeredAt === null ? 'no answer' : 'stopped answering', now)
      candidate.answeredAt = null
      silent.push(candidate)
    }
  }
  return { probes, silent }
}

/** What is due now: a probe, or the end without an answer. */
function advance(candidate: Candidate, now: Time): 'probe' | 'silent' | null {
  const { climb } = candidate
  if (!climb || climb.next > now) return null
  if (climb.step >= climb.rungs) {
    candidate.climb = null
    return 'silent'
  }
  climb.step += 1
  const wait = Math.max(climb.wait, answerRtts * (candidate.rtt ?? 0))
  climb.next = now + (climb.step < climb.rungs ? ladder[climb.step]! - ladder[climb.step - 1]! : wait)
  return 'probe'
}
