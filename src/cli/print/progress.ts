/** What a search says about itself while it runs: how fast, how far, how long. A search has no end, only chances. */

import { hour, minute, second, type Time } from '../../base/time.ts'
import { chanceAfter } from '../../protocol/identity/workbit.ts'

/** `37.4 M keys tried, 9.81 M/s, 7 min expected, 8 % likely done by now`: fits a terminal of 80 columns. */
export function searchProgress(tries: number, elapsed: Time, workbit: number): string {
  const rate = elapsed > 0 ? tries / (elapsed / second) : 0
  const expected = rate > 0 ? duration((2 ** workbit / rate) * second) : '…'
  return [
    `${quantity(tries)} keys tried`,
    `${quantity(rate)}/s`,
    `${expected} expected`,
    `${percent(chanceAfter(tries, workbit))} likely done by now`,
  ].join(', ')
}

const units = ['', ' k', ' M', ' G', ' T', ' P', ' E'] as const

/** Three digits and a unit: `999`, `1.23 k`, `45.6 M`. */
export function quantity(number: number): string {
  let step = 0
  let rest = number
  while (rest >= 999.5 && step < units.length - 1) {
    rest /= 1000
    step++
  }
  return (step === 0 ? String(Math.round(rest)) : digits(rest)) + units[step]
}

function digits(number: number): string {
  return number.toFixed(number < 9.995 ? 2 : number < 99.95 ? 1 : 0)
}

const year = 365.25 * 24 * hour

export function duration(time: Time): string {
  if (time < second) return 'under 1 s'
  if (time < 2 * minute) return `${Math.round(time / second)} s`
  if (time < 2 * hour) return `${Math.round(time / minute)} min`
  if (time < 48 * hour) return `${Math.round(time / hour)} h`
  if (time < 2 * year) return `${Math.round(time / (24 * hour))} days`
  return `${quantity(time / year)} years`
}

/** Never 100 %: a search may always take longer. */
function percent(chance: number): string {
  if (chance > 0 && chance < 0.01) return '< 1 %'
  return chance > 0.99 ? '> 99 %' : `${Math.round(100 * chance)} %`
}
