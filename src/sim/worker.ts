/** One thread of a campaign: every so-and-so-many-th world, without end. */

import { thisThread } from '../os/threads.ts'
import type { WorldOptions } from './draw.ts'
import { play, type Round } from './round.ts'

export type Order = { readonly seed: number; readonly step: number; readonly options: WorldOptions }

const { input, post } = thisThread<Order, Round>()
for (let { seed } = input; ; seed += input.step) post(await play(seed, input.options))
