/**
 * The field of 2^255 - 19, two elements at a time (one per lane), in floating point.
 *
 * An element is five limbs of 51 bits, little-endian, each a whole number in an f64, at most 2^50 + 2^13 in size and of
 * either sign; limb k of both lanes is one v128 at byte 16 k. Between two multiplications there may be one addition or
 * subtraction, and only one factor of a product may come from one.
 *
 * Why floating point: SIMD has no product of 64-bit integers, but a fused multiply-add gives both halves of a product of
 * 51-bit numbers exactly (Emmart, Zheng, Weems, "Faster Modular Exponentiation using Double Precision Floating Point
 * Arithmetic on the GPU", 2018): adding HIGH leaves room for multiples of 2^51 only, and what was lost comes from a
 * second one. Sums are then taken as integers, on the bits. Where relaxed SIMD is missing, or does not fuse, the same
 * halves are computed from products of 26-bit parts: `asc` builds this file twice.
 */

export const SIZE: usize = 80

export const LIMB: i64 = (1 << 51) - 1

/** 1.5 * 2^103: the unit in the last place of HIGH + x is 2^51 for every |x| <= 2^102. */
const HIGH_BITS: i64 = ((1023 + 103) << 52) | (1 << 51)
/** 1.5 * 2^52: the unit of LOW + x is 1 for every |x| <= 2^51. Also the door between whole numbers and floating point. */
export const LOW_BITS: i64 = ((1023 + 52) << 52) | (1 << 51)
/** 2^52 */
const UNIT_BITS: i64 = (1023 + 52) << 52

// @ts-ignore: decorator
@inline
function HIGH(): v128 { return i64x2.splat(HIGH_BITS) }
// @ts-ignore: decorator
@inline
function LOW(): v128 { return i64x2.splat(LOW_BITS) }

/** The half of a * b above 2^51, rounded, plus HIGH. */
// @ts-ignore: decorator
@inline
function high(a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f64>(a, b, HIGH())
  const ah = upper(a), bh = upper(b)
  const middle = f64x2.add(f64x2.mul(ah, f64x2.sub(b, bh)), f64x2.mul(f64x2.sub(a, ah), bh))
  return f64x2.add(f64x2.mul(ah, bh), f64x2.add(middle, HIGH()))
}

/** What `high` left out, plus LOW. */
// @ts-ignore: decorator
@inline
function low(a: v128, b: v128, h: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f64>(a, b, f64x2.sub(f64x2.splat(HIGH_AND_LOW), h))
  const ah = upper(a), bh = upper(b), al = f64x2.sub(a, ah), bl = f64x2.sub(b, bh)
  const middle = f64x2.add(f64x2.mul(ah, bl), f64x2.mul(al, bh))
  const left = f64x2.sub(middle, f64x2.sub(f64x2.sub(h, HIGH()), f64x2.mul(ah, bh)))
  return f64x2.add(f64x2.add(left, f64x2.mul(al, bl)), LOW())
}
const HIGH_AND_LOW: f64 = 15211807202738752817960438464512.0 + 6755399441055744.0

/** The multiple of 2^26 next to a. */
// @ts-ignore: decorator
@inline
function upper(a: v128): v128 {
  const unit = f64x2.splat(453347182355485940514816.0) // 1.5 * 2^78
  return f64x2.sub(f64x2.add(a, unit), unit)
}

// @ts-ignore: decorator
@inline
export function times19(c: v128): v128 {
  return i64x2.add(i64x2.add(i64x2.shl(c, 4), i64x2.shl(c, 1)), c)
}

// @ts-ignore: decorator
@inline
function limb(a: usize, k: usize): v128 { return load<v128>(a + 16 * k) }

/** From ten columns of sums of `high` and `low` bits to an element. */
// @ts-ignore: decorator
@inline
function reduce(
  out: usize,
  c0: v128, c1: v128, c2: v128, c3: v128, c4: v128, c5: v128, c6: v128, c7: v128, c8: v128, c9: v128,
  k0: i64, k1: i64, k2: i64, k3: i64, k4: i64,
): void {
  const mask = i64x2.splat(LIMB), unit = i64x2.splat(UNIT_BITS)
  const back = f64x2.splat(4503599627370496.0 + 1125899906842624.0) // 2^52 + 2^50
  const t0 = i64x2.add(i64x2.add(c0, times19(c5)), i64x2.splat(k0))
  const t1 = i64x2.add(i64x2.add(i64x2.add(c1, times19(c6)), i64x2.splat(k1)), i64x2.shr_u(t0, 51))
  const t2 = i64x2.add(i64x2.add(i64x2.add(c2, times19(c7)), i64x2.splat(k2)), i64x2.shr_u(t1, 51))
  const t3 = i64x2.add(i64x2.add(i64x2.add(c3, times19(c8)), i64x2.splat(k3)), i64x2.shr_u(t2, 51))
  const t4 = i64x2.add(i64x2.add(i64x2.add(c4, times19(c9)), i64x2.splat(k4)), i64x2.shr_u(t3, 51))
  const top = times19(i64x2.shr_u(t4, 51))
  const first = i64x2.add(i64x2.add(v128.and(t0, mask), top), unit)
  store<v128>(out, f64x2.sub(first, f64x2.splat(4503599627370496.0 + 1125899906842624.0 + 19.0 * 512.0)))
  store<v128>(out + 16, f64x2.sub(v128.or(v128.and(t1, mask), unit), back))
  store<v128>(out + 32, f64x2.sub(v128.or(v128.and(t2, mask), unit), back))
  store<v128>(out + 48, f64x2.sub(v128.or(v128.and(t3, mask), unit), back))
  store<v128>(out + 64, f64x2.sub(v128.or(v128.and(t4, mask), unit), back))
}

/**
 * What `reduce` adds to a column: takes away HIGH and LOW as often as they were added, and adds 2^50 to make the limb's
 * remainder one of either sign and 2^60 to make the sum positive, as the shift is unsigned; 2^9 is what comes of that
 * in the next limb.
 */
// @ts-ignore: decorator
@inline
function constant(lows: i64, highs: i64, foldedLows: i64, foldedHighs: i64, first: bool): i64 {
  return (1 << 50) + (1 << 60) - (first ? 0 : 512)
    - LOW_BITS * (lows + 19 * foldedLows) - HIGH_BITS * (highs + 19 * foldedHighs)
}

/** out = a * b. `out` may be `a` or `b`. */
export function multiply(out: usize, a: usize, b: usize): void {
  const a0 = limb(a, 0), a1 = limb(a, 1), a2 = limb(a, 2), a3 = limb(a, 3), a4 = limb(a, 4)
  let h: v128, c0: v128, c1: v128, c2: v128, c3: v128, c4: v128, c5: v128, c6: v128, c7: v128, c8: v128, c9: v128
  let x = limb(b, 0)
  h = high(a0, x); c0 = low(a0, x, h); c1 = h
  h = high(a1, x); c1 = i64x2.add(c1, low(a1, x, h)); c2 = h
  h = high(a2, x); c2 = i64x2.add(c2, low(a2, x, h)); c3 = h
  h = high(a3, x); c3 = i64x2.add(c3, low(a3, x, h)); c4 = h
  h = high(a4, x); c4 = i64x2.add(c4, low(a4, x, h)); c5 = h
  x = limb(b, 1)
  h = high(a0, x); c1 = i64x2.add(c1, low(a0, x, h)); c2 = i64x2.add(c2, h)
  h = high(a1, x); c2 = i64x2.add(c2, low(a1, x, h)); c3 = i64x2.add(c3, h)
  h = high(a2, x); c3 = i64x2.add(c3, low(a2, x, h)); c4 = i64x2.add(c4, h)
  h = high(a3, x); c4 = i64x2.add(c4, low(a3, x, h)); c5 = i64x2.add(c5, h)
  h = high(a4, x); c5 = i64x2.add(c5, low(a4, x, h)); c6 = h
  x = limb(b, 2)
  h = high(a0, x); c2 = i64x2.add(c2, low(a0, x, h)); c3 = i64x2.add(c3, h)
  h = high(a1, x); c3 = i64x2.add(c3, low(a1, x, h)); c4 = i64x2.add(c4, h)
  h = high(a2, x); c4 = i64x2.add(c4, low(a2, x, h)); c5 = i64x2.add(c5, h)
  h = high(a3, x); c5 = i64x2.add(c5, low(a3, x, h)); c6 = i64x2.add(c6, h)
  h = high(a4, x); c6 = i64x2.add(c6, low(a4, x, h)); c7 = h
  x = limb(b, 3)
  h = high(a0, x); c3 = i64x2.add(c3, low(a0, x, h)); c4 = i64x2.add(c4, h)
  h = high(a1, x); c4 = i64x2.add(c4, low(a1, x, h)); c5 = i64x2.add(c5, h)
  h = high(a2, x); c5 = i64x2.add(c5, low(a2, x, h)); c6 = i64x2.add(c6, h)
  h = high(a3, x); c6 = i64x2.add(c6, low(a3, x, h)); c7 = i64x2.add(c7, h)
  h = high(a4, x); c7 = i64x2.add(c7, low(a4, x, h)); c8 = h
  x = limb(b, 4)
  h = high(a0, x); c4 = i64x2.add(c4, low(a0, x, h)); c5 = i64x2.add(c5, h)
  h = high(a1, x); c5 = i64x2.add(c5, low(a1, x, h)); c6 = i64x2.add(c6, h)
  h = high(a2, x); c6 = i64x2.add(c6, low(a2, x, h)); c7 = i64x2.add(c7, h)
  h = high(a3, x); c7 = i64x2.add(c7, low(a3, x, h)); c8 = i64x2.add(c8, h)
  h = high(a4, x); c8 = i64x2.add(c8, low(a4, x, h)); c9 = h
  reduce(out, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9,
    constant(1, 0, 4, 5, true), constant(2, 1, 3, 4, false), constant(3, 2, 2, 3, false), constant(4, 3, 1, 2, false),
    constant(5, 4, 0, 1, false))
}

/** out = a * a, for a product, not for a sum. */
export function square(out: usize, a: usize): void {
  const a0 = limb(a, 0), a1 = limb(a, 1), a2 = limb(a, 2), a3 = limb(a, 3), a4 = limb(a, 4)
  let h: v128, c0: v128, c1: v128, c2: v128, c3: v128, c4: v128, c5: v128, c6: v128, c7: v128, c8: v128, c9: v128
  h = high(a0, a0); c0 = low(a0, a0, h); c1 = h
  let x = f64x2.add(a0, a0)
  h = high(a1, x); c1 = i64x2.add(c1, low(a1, x, h)); c2 = h
  h = high(a2, x); c2 = i64x2.add(c2, low(a2, x, h)); c3 = h
  h = high(a3, x); c3 = i64x2.add(c3, low(a3, x, h)); c4 = h
  h = high(a4, x); c4 = i64x2.add(c4, low(a4, x, h)); c5 = h
  h = high(a1, a1); c2 = i64x2.add(c2, low(a1, a1, h)); c3 = i64x2.add(c3, h)
  x = f64x2.add(a1, a1)
  h = high(a2, x); c3 = i64x2.add(c3, low(a2, x, h)); c4 = i64x2.add(c4, h)
  h = high(a3, x); c4 = i64x2.add(c4, low(a3, x, h)); c5 = i64x2.add(c5, h)
  h = high(a4, x); c5 = i64x2.add(c5, low(a4, x, h)); c6 = h
  h = high(a2, a2); c4 = i64x2.add(c4, low(a2, a2, h)); c5 = i64x2.add(c5, h)
  x = f64x2.add(a2, a2)
  h = high(a3, x); c5 = i64x2.add(c5, low(a3, x, h)); c6 = i64x2.add(c6, h)
  h = high(a4, x); c6 = i64x2.add(c6, low(a4, x, h)); c7 = h
  h = high(a3, a3); c6 = i64x2.add(c6, low(a3, a3, h)); c7 = i64x2.add(c7, h)
  x = f64x2.add(a3, a3)
  h = high(a4, x); c7 = i64x2.add(c7, low(a4, x, h)); c8 = h
  h = high(a4, a4); c8 = i64x2.add(c8, low(a4, a4, h)); c9 = h
  reduce(out, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9,
    constant(1, 0, 2, 3, true), constant(1, 1, 2, 2, false), constant(2, 1, 1, 2, false), constant(2, 2, 1, 1, false),
    constant(3, 2, 0, 1, false))
}

/** out = a - b */
// @ts-ignore: decorator
@inline
export function subtract(out: usize, a: usize, b: usize): void {
  for (let k: usize = 0; k < SIZE; k += 16) store<v128>(out + k, f64x2.sub(load<v128>(a + k), load<v128>(b + k)))
}

/** out = a + b */
// @ts-ignore: decorator
@inline
export function add(out: usize, a: usize, b: usize): void {
  for (let k: usize = 0; k < SIZE; k += 16) store<v128>(out + k, f64x2.add(load<v128>(a + k), load<v128>(b + k)))
}

const T0: usize = memory.data(80, 16)
const T1: usize = memory.data(80, 16)
const T2: usize = memory.data(80, 16)

function squareTimes(out: usize, a: usize, times: i32): void {
  square(out, a)
  while (--times > 0) square(out, out)
}

/** out = 1 / a = a^(2^255 - 21), by the usual chain (Bernstein, curve25519 reference code). `out` is not `a`. */
export function invert(out: usize, a: usize): void {
  square(T0, a) // 2
  squareTimes(T1, T0, 2) // 8
  multiply(T1, T1, a) // 9
  multiply(T0, T1, T0) // 11
  square(T2, T0) // 22
  multiply(T1, T2, T1) // 2^5 - 1
  squareTimes(T2, T1, 5)
  multiply(T1, T2, T1) // 2^10 - 1
  squareTimes(T2, T1, 10)
  multiply(T2, T2, T1) // 2^20 - 1
  squareTimes(out, T2, 20)
  multiply(T2, out, T2) // 2^40 - 1
  squareTimes(T2, T2, 10)
  multiply(T1, T2, T1) // 2^50 - 1
  squareTimes(T2, T1, 50)
  multiply(T2, T2, T1) // 2^100 - 1
  squareTimes(out, T2, 100)
  multiply(T2, out, T2) // 2^200 - 1
  squareTimes(T2, T2, 50)
  multiply(T1, T2, T1) // 2^250 - 1
  squareTimes(T1, T1, 5)
  multiply(out, T1, T0) // 2^255 - 21
}
