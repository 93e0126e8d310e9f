/**
 * Elements of the field as their canonical 32 bytes (RFC 7748 §5), four 64-bit words per lane. See field.ts for limbs.
 */

import { LIMB, LOW_BITS, times19 } from './field'

/** 4 p, limb by limb: makes every limb of a difference positive. */
const FOUR_P_0: i64 = 4 * (LIMB - 18)
const FOUR_P: i64 = 4 * LIMB

/** The limbs as whole numbers. Only for |limb| < 2^51. */
// @ts-ignore: decorator
@inline
function whole(a: usize, k: usize): v128 {
  return f64x2.add(load<v128>(a + 16 * k), i64x2.splat(LOW_BITS))
}

// @ts-ignore: decorator
@inline
function difference(a: usize, b: usize, c: usize, k: usize, positive: i64): v128 {
  const ab = i64x2.sub(whole(a, k), whole(b, k))
  return i64x2.sub(i64x2.add(ab, i64x2.splat(positive + LOW_BITS)), whole(c, k))
}

/** The canonical words of a - b - c, at `out`. */
export function encodeDifference(out: usize, a: usize, b: usize, c: usize): void {
  const mask = i64x2.splat(LIMB)
  let t0 = difference(a, b, c, 0, FOUR_P_0), t1 = difference(a, b, c, 1, FOUR_P), t2 = difference(a, b, c, 2, FOUR_P)
  let t3 = difference(a, b, c, 3, FOUR_P), t4 = difference(a, b, c, 4, FOUR_P)
  // every limb below 2^51, only the first perhaps a little more
  t1 = i64x2.add(t1, i64x2.shr_u(t0, 51))
  t2 = i64x2.add(t2, i64x2.shr_u(t1, 51))
  t3 = i64x2.add(t3, i64x2.shr_u(t2, 51))
  t4 = i64x2.add(t4, i64x2.shr_u(t3, 51))
  t0 = i64x2.add(v128.and(t0, mask), times19(i64x2.shr_u(t4, 51)))
  t1 = v128.and(t1, mask)
  t2 = v128.and(t2, mask)
  t3 = v128.and(t3, mask)
  t4 = v128.and(t4, mask)
  // 1 where the number is p or more: it plus 19 has bit 255
  let over = i64x2.shr_u(i64x2.add(t0, i64x2.splat(19)), 51)
  over = i64x2.shr_u(i64x2.add(t1, over), 51)
  over = i64x2.shr_u(i64x2.add(t2, over), 51)
  over = i64x2.shr_u(i64x2.add(t3, over), 51)
  over = i64x2.shr_u(i64x2.add(t4, over), 51)
  t0 = i64x2.add(t0, times19(over))
  t1 = i64x2.add(t1, i64x2.shr_u(t0, 51))
  t2 = i64x2.add(t2, i64x2.shr_u(t1, 51))
  t3 = i64x2.add(t3, i64x2.shr_u(t2, 51))
  t4 = v128.and(i64x2.add(t4, i64x2.shr_u(t3, 51)), mask)
  t0 = v128.and(t0, mask)
  t1 = v128.and(t1, mask)
  t2 = v128.and(t2, mask)
  t3 = v128.and(t3, mask)
  store<v128>(out, v128.or(t0, i64x2.shl(t1, 51)))
  store<v128>(out + 16, v128.or(i64x2.shr_u(t1, 13), i64x2.shl(t2, 38)))
  store<v128>(out + 32, v128.or(i64x2.shr_u(t2, 26), i64x2.shl(t3, 25)))
  store<v128>(out + 48, v128.or(i64x2.shr_u(t3, 39), i64x2.shl(t4, 12)))
}

/** One lane's four words, side by side. */
export function copyWords(out: usize, words: usize): void {
  for (let k = 0; k < 4; k++) store<i64>(out + (k << 3), load<i64>(words + (k << 4)))
}

/** Reads 32 canonical bytes into one lane (`lane` 0 or 8) of the element at `out`, limbs of either sign. */
export function decode(out: usize, bytes: usize, lane: usize): void {
  const w0 = load<i64>(bytes), w1 = load<i64>(bytes, 8), w2 = load<i64>(bytes, 16), w3 = load<i64>(bytes, 24)
  let carry: i64 = 0
  carry = place(out + lane, w0 & LIMB, carry)
  carry = place(out + lane + 16, (<i64>(<u64>w0 >> 51) | (w1 << 13)) & LIMB, carry)
  carry = place(out + lane + 32, (<i64>(<u64>w1 >> 38) | (w2 << 26)) & LIMB, carry)
  carry = place(out + lane + 48, (<i64>(<u64>w2 >> 25) | (w3 << 39)) & LIMB, carry)
  carry = place(out + lane + 64, <i64>(<u64>w3 >> 12) & LIMB, carry)
  store<f64>(out + lane, load<f64>(out + lane) + <f64>(carry * 19))
}

/** Writes a limb between -2^50 and 2^50 and returns what goes to the next. */
function place(at: usize, limb: i64, carry: i64): i64 {
  limb += carry
  carry = (limb + (1 << 50)) >> 51
  store<f64>(at, <f64>(limb - (carry << 51)))
  return carry
}
