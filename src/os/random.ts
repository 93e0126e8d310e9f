/** Randomness: the operating system's. */

import { randomBytes, randomInt } from 'node:crypto'

export interface Random {
  bytes(count: number): Uint8Array
  /** A whole number, `min` included, `max` not. */
  int(min: number, max: number): number
}

const chances = 2 ** 31

/** From 0 to 1, 1 not included: as `Math.random`. */
export const chance = (random: Pick<Random, 'int'>): number => random.int(0, chances) / chances

export const systemRandom: Random = {
  bytes: count => Uint8Array.from(randomBytes(count)),
  int: (min, max) => randomInt(min, max),
}
