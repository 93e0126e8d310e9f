/** Spans of time as people write them. */

import { exit, Failure } from '../base/failure.ts'

/** `30m`, `24h`, `7d`, `never`. @param what it is for @returns seconds, 0 for ever @throws Failure for anything else */
export function secondsOf(what: string, text: string): number {
  if (text === 'never') return 0
  const [, count, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? []
  if (count === undefined) {
    throw new Failure(`${what}: "${text}" is no time; write 30m, 24h, 7d or never`, { exit: exit.usage })
  }
  return Number(count) * { m: 60, h: 3_600, d: 86_400 }[unit as 'm' | 'h' | 'd']
}
