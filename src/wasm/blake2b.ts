/**
 * BLAKE2b-256 (RFC 7693) of a key and a namespace, at most 96 bytes and so one block, for two keys at a time. Only the
 * first eight bytes of the digest are computed: no search looks at more.
 */

/** The block: 16 words of two lanes each. Words 0-3 are the key; what follows stays the same during a search. */
export const BLOCK: usize = memory.data(256, 16)

/** v0 … v15 before the first round, both lanes. */
const START: usize = memory.data(256, 16)

/** Which word goes where in a round (RFC 7693 §2.7), as byte offsets into the block; rounds 10 and 11 repeat 0 and 1. */
const SIGMA: usize = memory.data<u8>([
  0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240,
  224, 160, 64, 128, 144, 240, 208, 96, 16, 192, 0, 32, 176, 112, 80, 48,
  176, 128, 192, 0, 80, 32, 240, 208, 160, 224, 48, 96, 112, 16, 144, 64,
  112, 144, 48, 16, 208, 192, 176, 224, 32, 96, 80, 160, 64, 0, 240, 128,
  144, 0, 80, 112, 32, 64, 160, 240, 224, 16, 176, 192, 96, 128, 48, 208,
  32, 192, 96, 160, 0, 176, 128, 48, 64, 208, 112, 80, 240, 224, 16, 144,
  192, 80, 16, 240, 224, 208, 64, 160, 0, 112, 96, 48, 144, 32, 128, 176,
  208, 176, 112, 224, 192, 16, 48, 144, 80, 0, 240, 64, 128, 96, 32, 160,
  96, 240, 224, 144, 176, 48, 0, 128, 192, 32, 208, 112, 16, 64, 160, 80,
  160, 32, 128, 64, 112, 96, 16, 80, 240, 176, 144, 224, 48, 192, 208, 0,
  0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240,
  224, 160, 64, 128, 144, 240, 208, 96, 16, 192, 0, 32, 176, 112, 80, 48,
])

const IV = memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
  0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
])

/** Sets everything but the key: `length` bytes of namespace at `namespace`. */
export function prepare(namespace: usize, length: i32): void {
  memory.fill(BLOCK, 0, 256)
  for (let i = 0; i < length; i++) {
    // byte i of the namespace, in both lanes of its word
    const at = BLOCK + 64 + ((i >> 3) << 4) + (i & 7)
    const byte = load<u8>(namespace + i)
    store<u8>(at, byte)
    store<u8>(at + 8, byte)
  }
  for (let i = 0; i < 16; i++) {
    let word = load<u64>(IV + ((i & 7) << 3))
    if (i == 0) word ^= 0x01010020 // 32 bytes of digest, no key
    if (i == 12) word ^= 32 + length // bytes hashed
    if (i == 14) word = ~word // the last block
    store<v128>(START + (i << 4), i64x2.splat(word))
  }
}

/** Which byte goes where when a word turns right by 24 and by 16. As memory, as V8 rebuilds a constant at each use. */
const BY_24: usize = memory.data<u8>([3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10], 16)
const BY_16: usize = memory.data<u8>([2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9], 16)

// @ts-ignore: decorator
@inline
function rotr32(x: v128): v128 { return v128.shuffle<i32>(x, x, 1, 0, 3, 2) }
// @ts-ignore: decorator
@inline
function rotr24(x: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(x, load<v128>(BY_24))
  return v128.shuffle<i8>(x, x, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10)
}
// @ts-ignore: decorator
@inline
function rotr16(x: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(x, load<v128>(BY_16))
  return v128.shuffle<i8>(x, x, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9)
}
// @ts-ignore: decorator
@inline
function rotr63(x: v128): v128 { return v128.or(i64x2.add(x, x), i64x2.shr_u(x, 63)) }

// @ts-ignore: decorator
@inline
function sum(a: v128, b: v128): v128 { return i64x2.add(a, b) }

/** The message word which place `i` of one round's row of SIGMA names. */
// @ts-ignore: decorator
@inline
function word(at: usize, i: usize): v128 { return load<v128>(BLOCK + <usize>load<u8>(at + i)) }

/** The first eight bytes of both digests. */
export function digest(): v128 {
  let v0 = load<v128>(START), v1 = load<v128>(START + 16), v2 = load<v128>(START + 32), v3 = load<v128>(START + 48)
  let v4 = load<v128>(START + 64), v5 = load<v128>(START + 80), v6 = load<v128>(START + 96), v7 = load<v128>(START + 112)
  let v8 = load<v128>(START + 128), v9 = load<v128>(START + 144)
  let va = load<v128>(START + 160), vb = load<v128>(START + 176)
  let vc = load<v128>(START + 192), vd = load<v128>(START + 208)
  let ve = load<v128>(START + 224), vf = load<v128>(START + 240)
  for (let s: usize = SIGMA; s < SIGMA + 192; s += 16) {
    // the function G of RFC 7693 §3.1 on the four columns, two lines each
    v0 = sum(sum(v0, v4), word(s, 0)); vc = rotr32(v128.xor(vc, v0)); v8 = sum(v8, vc); v4 = rotr24(v128.xor(v4, v8))
    v0 = sum(sum(v0, v4), word(s, 1)); vc = rotr16(v128.xor(vc, v0)); v8 = sum(v8, vc); v4 = rotr63(v128.xor(v4, v8))
    v1 = sum(sum(v1, v5), word(s, 2)); vd = rotr32(v128.xor(vd, v1)); v9 = sum(v9, vd); v5 = rotr24(v128.xor(v5, v9))
    v1 = sum(sum(v1, v5), word(s, 3)); vd = rotr16(v128.xor(vd, v1)); v9 = sum(v9, vd); v5 = rotr63(v128.xor(v5, v9))
    v2 = sum(sum(v2, v6), word(s, 4)); ve = rotr32(v128.xor(ve, v2)); va = sum(va, ve); v6 = rotr24(v128.xor(v6, va))
    v2 = sum(sum(v2, v6), word(s, 5)); ve = rotr16(v128.xor(ve, v2)); va = sum(va, ve); v6 = rotr63(v128.xor(v6, va))
    v3 = sum(sum(v3, v7), word(s, 6)); vf = rotr32(v128.xor(vf, v3)); vb = sum(vb, vf); v7 = rotr24(v128.xor(v7, vb))
    v3 = sum(sum(v3, v7), word(s, 7)); vf = rotr16(v128.xor(vf, v3)); vb = sum(vb, vf); v7 = rotr63(v128.xor(v7, vb))
    // and on the four diagonals
    v0 = sum(sum(v0, v5), word(s, 8)); vf = rotr32(v128.xor(vf, v0)); va = sum(va, vf); v5 = rotr24(v128.xor(v5, va))
    v0 = sum(sum(v0, v5), word(s, 9)); vf = rotr16(v128.xor(vf, v0)); va = sum(va, vf); v5 = rotr63(v128.xor(v5, va))
    v1 = sum(sum(v1, v6), word(s, 10)); vc = rotr32(v128.xor(vc, v1)); vb = sum(vb, vc); v6 = rotr24(v128.xor(v6, vb))
    v1 = sum(sum(v1, v6), word(s, 11)); vc = rotr16(v128.xor(vc, v1)); vb = sum(vb, vc); v6 = rotr63(v128.xor(v6, vb))
    v2 = sum(sum(v2, v7), word(s, 12)); vd = rotr32(v128.xor(vd, v2)); v8 = sum(v8, vd); v7 = rotr24(v128.xor(v7, v8))
    v2 = sum(sum(v2, v7), word(s, 13)); vd = rotr16(v128.xor(vd, v2)); v8 = sum(v8, vd); v7 = rotr63(v128.xor(v7, v8))
    v3 = sum(sum(v3, v4), word(s, 14)); ve = rotr32(v128.xor(ve, v3)); v9 = sum(v9, ve); v4 = rotr24(v128.xor(v4, v9))
    v3 = sum(sum(v3, v4), word(s, 15)); ve = rotr16(v128.xor(ve, v3)); v9 = sum(v9, ve); v4 = rotr63(v128.xor(v4, v9))
  }
  return v128.xor(v128.xor(v0, v8), load<v128>(START))
}
