/**
 * Looks for keys whose hash starts with zero bits, around a centre P, on the curve v^2 = u^3 + 486662 u^2 + u.
 *
 * A table holds Q(1) … Q(KEYS / 2), the multiples of 8 B. One step tests P + Q(i) and P - Q(i) for every i, and moves P by
 * KEYS + 1 places, so that steps do not overlap. With d = u(Q) - u(P), and v(-Q) = -v(Q):
 *
 *     u(P ± Q) = ((v(Q) ∓ v(P)) / d)^2 - 486662 - u(P) - u(Q)
 *
 * so both share one inverse, and all inverses of a step come from one by Montgomery's trick: two keys take five
 * multiplications and two squarings. Lane 0 works on Q(1) … Q(SLOTS), lane 1 on the next SLOTS; the last slot is the move.
 *
 * Time does depend on secrets here (when a search ends), and it may: a search runs once, on a machine that will hold the
 * key anyway, and whoever can watch it that closely can read its memory.
 */

import { BLOCK, digest, prepare } from './blake2b'
import { INPUT, OUTPUT } from './door'
import { copyWords, decode, encodeDifference } from './encoding'
import { add, invert, multiply, SIZE, square, subtract } from './field'

export { INPUT, OUTPUT } from './door'
export { repeatEncoding, repeatField, repeatHash, tryDigest, tryField } from './parts'

export const SLOTS: i32 = 512
export const KEYS: i32 = 4 * SLOTS

const TABLE_U: usize = memory.data(80 * (SLOTS + 1), 16)
const TABLE_V: usize = memory.data(80 * (SLOTS + 1), 16)
/** Products of the differences up to each slot. */
const PRODUCTS: usize = memory.data(80 * (SLOTS + 1), 16)

const P_U: usize = memory.data(80, 16)
const P_V: usize = memory.data(80, 16)
/** u(P) + 486662 */
const P_A: usize = memory.data(80, 16)
const NEXT_U: usize = memory.data(80, 16)
const NEXT_V: usize = memory.data(80, 16)

const DIFFERENCE: usize = memory.data(80, 16)
/** 1 / (the product of the differences up to the slot). */
const RUNNING: usize = memory.data(80, 16)
const INVERSE: usize = memory.data(80, 16)
const SLOPE: usize = memory.data(80, 16)

/** The bits of the digest's first eight bytes that must be zero. */
let required: i64 = 0

/** Q(i) is the point at INPUT; i = KEYS + 1 is the move to the next centre. */
export function setPoint(i: i32): void {
  if (i == KEYS + 1) {
    for (let lane: usize = 0; lane < 16; lane += 8) place(SLOTS, lane)
  } else if (i > SLOTS) place(i - SLOTS - 1, 8)
  else place(i - 1, 0)
}

function place(slot: i32, lane: usize): void {
  decode(TABLE_U + SIZE * slot, INPUT, lane)
  decode(TABLE_V + SIZE * slot, INPUT + 32, lane)
}

/** P is the point at INPUT. */
export function setCentre(): void {
  for (let lane: usize = 0; lane < 16; lane += 8) {
    decode(P_U, INPUT, lane)
    decode(P_V, INPUT + 32, lane)
  }
  shiftCentre()
}

function shiftCentre(): void {
  memory.copy(P_A, P_U, SIZE)
  store<v128>(P_A, f64x2.add(load<v128>(P_U), f64x2.splat(486662)))
}

/** Looks for `workbit` (0 to 64) leading zero bits, hashed with the `length` bytes of namespace at INPUT. */
export function setGoal(workbit: i32, length: i32): void {
  prepare(INPUT, length)
  required = workbit == 0 ? 0 : bswap<i64>(-1 << (64 - workbit))
}

/** Does this machine fuse the multiply-add that the fast build stands on? The other build needs nothing. */
export function usable(): bool {
  if (!ASC_FEATURE_RELAXED_SIMD) return true
  store<f64>(INPUT, 134217729) // 2^27 + 1: its square has one bit more than f64 holds
  const x = v128.load_splat<u64>(INPUT)
  return f64x2.extract_lane(v128.relaxed_madd<f64>(x, x, f64x2.splat(-18014398777917440)), 0) == 1
}

/** One step. The i of a key P + Q(i) with enough work, negative for P - Q(-i), and P stays; or 0, and P has moved. */
export function step(): i32 {
  subtract(PRODUCTS, TABLE_U, P_U)
  for (let slot = 1; slot <= SLOTS; slot++) {
    subtract(DIFFERENCE, TABLE_U + SIZE * slot, P_U)
    multiply(PRODUCTS + SIZE * slot, PRODUCTS + SIZE * (slot - 1), DIFFERENCE)
  }
  invert(RUNNING, PRODUCTS + SIZE * SLOTS)
  const mask = i64x2.splat(required)
  for (let slot = SLOTS; slot >= 0; slot--) {
    const u = TABLE_U + SIZE * slot, v = TABLE_V + SIZE * slot
    if (slot > 0) {
      multiply(INVERSE, RUNNING, PRODUCTS + SIZE * (slot - 1))
      subtract(DIFFERENCE, u, P_U)
      multiply(RUNNING, RUNNING, DIFFERENCE)
    } else memory.copy(INVERSE, RUNNING, SIZE)

    subtract(DIFFERENCE, v, P_V)
    multiply(SLOPE, DIFFERENCE, INVERSE)
    if (slot == SLOTS) {
      move(u)
      continue
    }
    square(SLOPE, SLOPE)
    encodeDifference(BLOCK, SLOPE, P_A, u)
    let hit = i64x2.eq(v128.and(digest(), mask), i64x2.splat(0))
    if (v128.any_true(hit)) return found(slot, hit)

    add(DIFFERENCE, v, P_V)
    multiply(SLOPE, DIFFERENCE, INVERSE)
    square(SLOPE, SLOPE)
    encodeDifference(BLOCK, SLOPE, P_A, u)
    hit = i64x2.eq(v128.and(digest(), mask), i64x2.splat(0))
    if (v128.any_true(hit)) return -found(slot, hit)
  }
  memory.copy(P_U, NEXT_U, SIZE)
  memory.copy(P_V, NEXT_V, SIZE)
  shiftCentre()
  return 0
}

/** The i of the first lane with a hit, and its key at OUTPUT. */
function found(slot: i32, hit: v128): i32 {
  const lane = i64x2.extract_lane(hit, 0) != 0 ? 0 : 1
  copyWords(OUTPUT, BLOCK + 8 * lane)
  return slot + 1 + SLOTS * lane
}

/** The next centre, P + Q, of SLOPE and u(Q): v = slope * (u(P) - u) - v(P). Differences become elements by times 1. */
function move(u: usize): void {
  square(NEXT_U, SLOPE)
  encodeDifference(NEXT_V, NEXT_U, P_A, u)
  spread(NEXT_U, NEXT_V)
  subtract(DIFFERENCE, P_U, NEXT_U)
  multiply(SLOPE, SLOPE, DIFFERENCE)
  memory.fill(DIFFERENCE, 0, SIZE)
  encodeDifference(NEXT_V, SLOPE, P_V, DIFFERENCE)
  spread(NEXT_V, NEXT_V)
}

/** From the canonical words at `words`, whose lanes are alike, to an element. */
function spread(out: usize, words: usize): void {
  copyWords(INPUT, words)
  decode(out, INPUT, 0)
  decode(out, INPUT, 8)
}
