import assert from 'node:assert/strict'
import { createPublicKey, verify as opensslVerify, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { systemCrypto } from '../../../src/os/crypto.ts'
import { PrivateKey, type PublicKey, publicKeyBytes, publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { edwardsKeyOf, isSoundKey, keyOfEdwards, SigningKey, verify } from '../../../src/protocol/identity/xeddsa.ts'

const vectors = JSON.parse(readFileSync(new URL('../../vectors/xeddsa.json', import.meta.url), 'utf8'))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const secret = exactly(32).map(bytes => new PrivateKey(bytes))
const { Point } = ed25519
const P = 2n ** 255n - 19n

/** OpenSSL, asked without our code in between. */
function openssl(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') }
  return opensslVerify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature)
}

test('the known answers of libsignal-protocol-c and of the Python program', () => {
  for (const { private: scalar, message, random, signature } of [...vectors.signal, ...vectors.python]) {
    const key = SigningKey.of(new PrivateKey(bytes(scalar)))
    assert.equal(hex(key.sign(bytes(message), bytes(random))), signature)
    assert.ok(verify(key.publicKey, bytes(message), bytes(signature)))
  }
})

test('the Edwards keys of the Python program, from the private and from the public key, negated or not', () => {
  const negated = new Set()
  for (const vector of vectors.python) {
    const key = new PrivateKey(bytes(vector.private))
    assert.equal(hex(publicKeyBytes(key.publicKey())), vector.public)
    assert.equal(hex(SigningKey.of(key).publicKey), vector.edwards)
    assert.equal(hex(edwardsKeyOf(key.publicKey())!), vector.edwards)
    assert.equal(keyOfEdwards(bytes(vector.edwards)), key.publicKey())
    negated.add(vector.negated)
  }
  assert.equal(negated.size, 2)
})

test("libsignal's own variant: its sign bit moves from the signature to the key, and the signature is valid", () => {
  for (const vector of vectors.signalWithSignBit) {
    const edwards = edwardsKeyOf(publicKeyOf(bytes(vector.public)))!
    const signature = bytes(vector.signature)
    assert.equal(hex(SigningKey.of(new PrivateKey(bytes(vector.private))).publicKey), hex(edwards))
    edwards[31]! |= signature[63]! & 0x80
    signature[63]! &= 0x7f
    assert.ok(verify(edwards, bytes(vector.message), signature))
    edwards[31]! ^= 0x80
    assert.ok(!verify(edwards, bytes(vector.message), signature))
  }
})

test('a signature is valid as plain Ed25519, under the key that follows from the public one', () => {
  fc.assert(
    fc.property(secret, fc.uint8Array({ maxLength: 300 }), exactly(64), (secret, message, random) => {
      const signature = SigningKey.of(secret).sign(message, random)
      const key = edwardsKeyOf(secret.publicKey())!
      assert.ok(openssl(key, message, signature))
      assert.ok(ed25519.verify(signature, message, key, { zip215: false }))
      assert.ok(verify(key, message, signature))
      assert.ok(systemCrypto.verifyEd25519(key, message, signature))
      assert.equal(keyOfEdwards(key), secret.publicKey())
      assert.equal(key[31]! >> 7, 0)
    }),
    { numRuns: 100 },
  )
})

test('with one bit changed in signature, message or key, it is refused', () => {
  const place = fc.tuple(fc.constantFrom('signature', 'message', 'key'), fc.nat(), fc.nat(7))
  fc.assert(
    fc.property(secret, exactly(20), exactly(64), place, (secret, message, random, [what, at, bit]) => {
      const key = SigningKey.of(secret)
      const parts = { key: key.publicKey, message, signature: key.sign(message, random) }
      const changed = Uint8Array.from(parts[what as keyof typeof parts])
      changed[at % changed.length]! ^= 1 << bit
      const now = { ...parts, [what]: changed }
      assert.ok(!verify(now.key, now.message, now.signature))
      assert.ok(!systemCrypto.verifyEd25519(now.key, now.message, now.signature))
    }),
    { numRuns: 150 },
  )
})

test('signatures differ with the random bytes and with the message, and so do their nonces', () => {
  const key = SigningKey.of(new PrivateKey(randomBytes(32)))
  const random = randomBytes(64)
  const messages = [new Uint8Array(), Uint8Array.of(0), Uint8Array.of(0, 0)]
  const all = messages.flatMap(message => [key.sign(message, random), key.sign(message, randomBytes(64))])
  assert.equal(new Set(all.map(hex)).size, 6)
  assert.equal(new Set(all.map(signature => hex(signature.subarray(0, 32)))).size, 6)
  assert.throws(() => key.sign(new Uint8Array(), randomBytes(63)), TypeError)
})

test('verification agrees with OpenSSL where implementations differ: points of low order added, numbers not reduced', () => {
  const torsion = ED25519_TORSION_SUBGROUP.map(text => Point.fromHex(text))
  const signing = SigningKey.of(new PrivateKey(randomBytes(32)))
  const message = randomBytes(8)
  const signature = signing.sign(message, randomBytes(64))
  const same = (key: Uint8Array, signature: Uint8Array) => {
    const answer = verify(key, message, signature)
    assert.equal(answer, systemCrypto.verifyEd25519(key, message, signature))
    return answer
  }
  let accepted = 0
  for (const point of torsion) {
    // a verifier that multiplies by the cofactor accepts these
    const moved = Point.fromBytes(signature.subarray(0, 32)).add(point).toBytes()
    accepted += Number(same(signing.publicKey, Uint8Array.from([...moved, ...signature.subarray(32)])))
    const other = Point.fromBytes(signing.publicKey).add(point).toBytes()
    accepted += Number(same(other, signature))
  }
  assert.equal(accepted, 2, 'only with the neutral element, which changes nothing')
  const s = bytesToNumberLE(signature.subarray(32)) + Point.Fn.ORDER
  assert.ok(!same(signing.publicKey, Uint8Array.from([...signature.subarray(0, 32), ...numberToBytesLE(s, 32)])))
  for (const length of [0, 63, 65]) assert.ok(!same(signing.publicKey, new Uint8Array(length)))
  for (const length of [0, 31, 33]) assert.ok(!same(new Uint8Array(length), signature))
})

test('under a key of low order a signature of nobody is valid, as ZIP 215 and OpenSSL 3.0 have it; here such keys are not sound', () => {
  const neutral = Point.ZERO.toBytes()
  const s = numberToBytesLE(5n, 32)
  const forged = Uint8Array.from([...Point.BASE.multiply(5n).toBytes(), ...s])
  assert.ok(ed25519.verify(forged, Buffer.from('anything'), neutral, { zip215: true }))
  assert.ok(!verify(neutral, Buffer.from('anything'), forged))
  for (const text of ED25519_TORSION_SUBGROUP) {
    assert.ok(!isSoundKey(bytes(text)), text)
    const flipped = bytes(text)
    flipped[31]! ^= 0x80
    assert.ok(!isSoundKey(flipped), `${text} with the other sign`)
    const beyond = bytesToNumberLE(bytes(text)) + P
    if (beyond < 2n ** 255n) assert.ok(!isSoundKey(numberToBytesLE(beyond, 32)), `${text}, not reduced`)
  }
  assert.ok(isSoundKey(Point.BASE.toBytes()))
  assert.ok(!isSoundKey(numberToBytesLE(P + 3n, 32)))
})

test('keys without an Edwards point have none: low order, -1, the twist, not reduced', () => {
  const order8 = [
    325606250916557431795983626356110631294008115727848805560023387167927233504n,
    39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  ]
  for (const u of [0n, 1n, P - 1n, P, P + 9n, ...order8]) {
    assert.equal(edwardsKeyOf(publicKeyOf(numberToBytesLE(u, 32))), null, String(u))
  }
  // u = 2 is on the twist: 2^3 + 486662·4 + 2 is no square
  assert.equal(edwardsKeyOf(publicKeyOf(numberToBytesLE(2n, 32))), null)
  assert.notEqual(edwardsKeyOf(publicKeyOf(numberToBytesLE(9n, 32))), null)
})

test('back from the Edwards key: never two of one key, null for what no WireGuard key maps to', () => {
  fc.assert(
    fc.property(fc.oneof(exactly(32), fc.uint8Array({ maxLength: 40 })), bytes => {
      const key = keyOfEdwards(bytes)
      if (key) assert.deepEqual(edwardsKeyOf(key as PublicKey), bytes)
    }),
    { numRuns: 500 },
  )
  const odd = SigningKey.of(new PrivateKey(randomBytes(32))).publicKey
  odd[31]! |= 0x80
  assert.equal(keyOfEdwards(odd), null)
})

test('a signing key shows its scalar nowhere, and its public key cannot be changed from outside', () => {
  const secret = new PrivateKey(randomBytes(32))
  const key = SigningKey.of(secret)
  const scalar = bytesToNumberLE(secret.scalar()) % Point.Fn.ORDER
  const shown = [
    inspect(key, { showHidden: true, depth: 9 }),
    JSON.stringify(key),
    String(key),
    Object.keys(key).join(),
  ]
  for (const number of [scalar, Point.Fn.ORDER - scalar]) {
    for (const text of shown) for (const form of [String(number), number.toString(16)]) assert.ok(!text.includes(form))
  }
  const before = key.publicKey
  key.publicKey.fill(7)
  assert.deepEqual(key.publicKey, before)
})
