/** Randomness: the operating system's. */

import { randomBytes, randomInt } from 'node:crypto'

export interface Random {
  bytes(count: number): Uint8Array
  /** A whole number, `min` included, `max` not. */
  int(min: number, max: number): number
}

export const systemRandom: Random = {
  bytes: count => Uint8Array.from(randomBytes(count)),
  int: (min, max) => randomInt(min, max),
}
