/** One world of a campaign: drawn from its seed, run to the end, and judged. Plain data goes in and comes out, so it can happen in a thread. */

import { nextTurn } from '../os/turn.ts'
import { drawWorld, type WorldOptions } from './draw.ts'
import { type Finding, isSettled, judge } from './judge.ts'
import { Trial, type TrialOptions } from './trial.ts'

export type Round = { readonly seed: number; readonly pairs: number; readonly findings: readonly Finding[] }

/** Pairs that nothing happens to wait no longer for what will not come. */
const quiet = 8_000

/** Every run of a world ends the same way. */
export const trialOptions: TrialOptions = {
  turn: nextTurn,
  enough: running => isSettled(running, quiet),
}

export async function play(seed: number, options: WorldOptions): Promise<Round> {
  const trial = new Trial(drawWorld(seed, options), trialOptions)
  await trial.run()
  return { seed, pairs: trial.conversations().length, findings: judge(trial, options.within) }
}
