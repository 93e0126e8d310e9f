/** The parts of the search one by one: tests compare them with other code, and the bench times them. */

import { BLOCK, digest } from './blake2b'
import { INPUT, OUTPUT } from './door'
import { copyWords, decode, encodeDifference } from './encoding'
import { invert, multiply, square } from './field'

const A: usize = memory.data(80, 16)
const B: usize = memory.data(80, 16)
const C: usize = memory.data(80, 16)
const ZERO: usize = memory.data(80, 16)

/** Of the two elements at INPUT: their product, and the inverse of the first, at OUTPUT. */
export function tryField(): void {
  decode(A, INPUT, 0)
  decode(B, INPUT + 32, 0)
  multiply(C, A, B)
  write(OUTPUT, C)
  invert(C, A)
  write(OUTPUT + 32, C)
}

function write(out: usize, element: usize): void {
  encodeDifference(BLOCK, element, ZERO, ZERO)
  copyWords(out, BLOCK)
}

/** The first eight bytes of the hash of the 32 bytes at INPUT, after `setGoal`. */
export function tryDigest(): i64 {
  for (let k = 0; k < 4; k++) store<v128>(BLOCK + (k << 4), v128.load_splat<u64>(INPUT + (k << 3)))
  return i64x2.extract_lane(digest(), 0)
}

/** The multiplications for four keys, so many times; so with the next two. */
export function repeatField(times: i32): void {
  while (times-- > 0) {
    for (let k = 0; k < 5; k++) multiply(A, A, B)
    square(A, A)
    square(A, A)
  }
}

export function repeatEncoding(times: i32): void {
  while (times-- > 0) {
    encodeDifference(BLOCK, A, B, C)
    encodeDifference(BLOCK, B, A, C)
  }
}

export function repeatHash(times: i32): void {
  while (times-- > 0) {
    store<v128>(BLOCK, digest())
    store<v128>(BLOCK, digest())
  }
}
