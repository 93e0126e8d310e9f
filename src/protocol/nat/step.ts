/**
 * How a NAT chooses the outside port of a new mapping (RFC 4787 §4.2), judged from what several reflectors, asked one after the other
 * from one socket, saw of it. Where the ports are regular, the next one can be told.
 */

/** The ports that NATs give away: those below are for services of the router itself. */
export const firstPort = 1_024
export const lastPort = 65_535
const ports = lastPort - firstPort + 1

/**
 * The farthest that two ports of a counter are seen apart: other hosts behind the NAT take some in between. Two ports by chance are as
 * near once in 500 times, and then some probes go to the wrong place first.
 */
const farthest = 64

export type Step =
  /** Fewer than two have told. */
  | { readonly kind: 'unknown' }
  /** The inside port, for all. */
  | { readonly kind: 'preserving' }
  /** Another one, the same for all. */
  | { readonly kind: 'constant' }
  /** A counter: each new mapping gets the port that is so much further, or a multiple where others took some. */
  | { readonly kind: 'regular'; readonly step: number; readonly last: number }
  | { readonly kind: 'random'; readonly last: number }

/** @param outside the ports that were seen, in the order of asking @param inside the socket's own port */
export function stepOf(outside: readonly number[], inside: number): Step {
  const last = outside.at(-1)
  if (last === undefined || outside.length < 2) return { kind: 'unknown' }
  if (outside.every(port => port === last)) return { kind: last === inside ? 'preserving' : 'constant' }
  // two destinations that share a mapping say nothing about the next one
  const gaps = outside.slice(1).flatMap((port, i) => distance(outside[i]!, port) || [])
  const oneWay = gaps.every(gap => gap > 0) || gaps.every(gap => gap < 0)
  if (!oneWay || gaps.some(gap => Math.abs(gap) > farthest)) return { kind: 'random', last }
  const step = gaps.map(Math.abs).reduce(greatestCommonDivisor)
  return { kind: 'regular', step: gaps[0]! < 0 ? -step : step, last }
}

/** The port that lies so far behind another, in a circle: a counter begins again at its end. */
export function portAfter(port: number, distance: number): number {
  return firstPort + ((((port - firstPort + distance) % ports) + ports) % ports)
}

/** How far it is from one port to another, the shorter way around. */
export function distance(from: number, to: number): number {
  const there = (((to - from) % ports) + ports) % ports
  return there > ports / 2 ? there - ports : there
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
