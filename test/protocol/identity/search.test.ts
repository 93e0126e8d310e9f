import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { blake2b } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import { builds } from '../../../src/drivers/keysearch/wasm.ts'
import { compileWasm, instantiateWasm } from '../../../src/os/wasm.ts'
import { PrivateKey, publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { KeySearch, type KeySearchWasm, prepareTable } from '../../../src/protocol/identity/search.ts'
import { workbitOf } from '../../../src/protocol/identity/workbit.ts'

type Parts = KeySearchWasm & { tryField(): void; tryDigest(): bigint }

const { Fp } = ed25519.Point
const P = 2n ** 255n - 19n
const first = 2n ** 254n
const last = 2n ** 255n - 8n

const number = fc.oneof(
  fc.bigInt({ min: 0n, max: P - 1n }),
  // where limbs carry and where reduction begins
  fc.constantFrom(0n, 1n, P - 1n, P - 19n, 2n ** 51n - 1n, 2n ** 50n, 2n ** 254n - 1n, 2n ** 255n - 2n ** 51n),
  fc.tuple(fc.nat(254), fc.nat(254)).map(([a, b]) => (2n ** BigInt(a) - 2n ** BigInt(b) + P) % P),
)
const namespace = fc.string({ maxLength: 16, unit: 'binary' }).filter(text => text !== '')
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })

for (const build of builds) {
  const wasm = instantiateWasm<Parts>(compileWasm(build)!)
  prepareTable(wasm)
  const at = (address: number, length: number) => new Uint8Array(wasm.memory.buffer, address, length)

  /** One search to its end. */
  function find(seed: Uint8Array, workbit: number, namespace: string): { key: PrivateKey; tries: number } {
    const search = new KeySearch(wasm, seed, { workbit, namespace })
    for (let tries = 0; ; ) {
      const step = search.step()
      tries += step.tries
      if (step.found) return { key: step.found, tries }
    }
  }

  test(`${build}: field arithmetic agrees with noble`, () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        at(wasm.INPUT.value, 64).set([...numberToBytesLE(a, 32), ...numberToBytesLE(b, 32)])
        wasm.tryField()
        assert.equal(bytesToNumberLE(at(wasm.OUTPUT.value, 32)), Fp.mul(a, b))
        if (a !== 0n) assert.equal(bytesToNumberLE(at(wasm.OUTPUT.value + 32, 32)), Fp.inv(a))
      }),
      { numRuns: 2000 },
    )
  })

  test(`${build}: hashes agree with noble, for every length of namespace`, () => {
    for (let length = 0; length <= 64; length++) {
      for (let round = 0; round < 4; round++) {
        const [key, namespace] = [randomBytes(32), randomBytes(length)]
        at(wasm.INPUT.value, 64).set(namespace)
        wasm.setGoal(8, length)
        at(wasm.INPUT.value, 32).set(key)
        const digest = blake2b(Buffer.concat([key, namespace]), { dkLen: 32 })
        assert.equal(wasm.tryDigest(), Buffer.from(digest).readBigInt64LE(0))
      }
    }
  })

  test(`${build}: whatever the start, the key that is found has the work, and its public key is X25519's`, () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 0, max: 12 }), namespace, (seed, workbit, namespace) => {
        const { key } = find(seed, workbit, namespace)
        const bytes = x25519.getPublicKey(key.scalar())
        assert.equal(key.publicKey(), publicKeyOf(bytes))
        assert.deepEqual(Uint8Array.from(at(wasm.OUTPUT.value, 32)), bytes)
        assert.ok(workbitOf(publicKeyOf(bytes), namespace) >= workbit)
      }),
      { numRuns: 100 },
    )
  })

  test(`${build}: a search looks at every key of its steps once, as going through them one by one shows`, () => {
    const seed = createHash('sha256').update('one by one').digest()
    const start = bytesToNumberLE(new PrivateKey(seed).scalar())
    const half = wasm.KEYS.value / 2
    for (let workbit = 1; workbit <= 11; workbit++) {
      const found = bytesToNumberLE(find(seed, workbit, 'public').key.scalar())
      const step = (found - start + 8n * BigInt(half)) / (8n * BigInt(2 * half + 1))
      // everything before that step, and what comes before the key in it: lanes, then signs, slots from the end
      const order = (i: number) => [-((Math.abs(i) - 1) % (half / 2)), i < 0 ? 1 : 0, Math.abs(i) > half / 2 ? 1 : 0]
      const mine = order(Number((found - start - step * 8n * BigInt(2 * half + 1)) / 8n))
      const works = stepWorks(start, Number(step), half)
      assert.ok(works.slice(0, Number(step)).every(step => step.every(({ work }) => work < workbit)))
      for (const { i, work } of works[Number(step)]!) {
        if (work >= workbit) assert.ok(compare(order(i), mine) >= 0, `${i} comes before, and has ${work} bits`)
      }
    }
  })

  test(`${build}: at the end of the scalars a search goes on at their beginning`, () => {
    const reach = 4n * BigInt(wasm.KEYS.value)
    const near = [last, last - reach, last - reach - 8n, first, first + reach, first + reach - 8n]
    for (const start of near) {
      const { key } = find(numberToBytesLE(start, 32), 14, 'public')
      const scalar = bytesToNumberLE(key.scalar())
      assert.ok(scalar >= first && scalar <= first + 2n ** 40n, 'near the beginning')
      assert.ok(workbitOf(key.publicKey(), 'public') >= 14)
    }
  })

  test(`${build}: tries are counted as they are made`, () => {
    // the mean of 400 geometric numbers with p = 1/256 lies within 5 deviations; a step's end counts by fours
    let tries = 0
    for (let i = 0; i < 400; i++) tries += find(createHash('sha256').update(`${i}`).digest(), 8, 'public').tries
    assert.ok(Math.abs(tries / 400 - 256) < 66, `${tries / 400} tries per key of 8 bits`)
  })

  test(`${build}: a search that has shown a key is over`, () => {
    const search = new KeySearch(wasm, randomBytes(32), { workbit: 0, namespace: 'public' })
    assert.ok(search.step().found)
    assert.throws(() => search.step(), /one key only/)
  })

  test(`${build}: a wrong key is never shown`, () => {
    const goal = { workbit: 4, namespace: 'public' }
    const wrong: Partial<KeySearchWasm>[] = [{ step: () => wasm.step() + 1 }, { setGoal: (_, n) => wasm.setGoal(0, n) }]
    for (const fault of wrong) {
      // by chance a wrong goal finds a right key, one time in 16
      const run = () => {
        for (let i = 0; i < 5; i++) new KeySearch({ ...wasm, ...fault }, randomBytes(32), goal).step()
      }
      assert.throws(run, /^TypeError: internal/)
    }
  })

  test(`${build}: goals it cannot reach are our mistake`, () => {
    for (const workbit of [-1, 65, 1.5, Number.NaN]) {
      assert.throws(() => new KeySearch(wasm, randomBytes(32), { workbit, namespace: 'public' }), TypeError)
    }
    assert.throws(() => new KeySearch(wasm, randomBytes(32), { workbit: 8, namespace: 'é'.repeat(33) }), TypeError)
  })
}

const known: { i: number; work: number }[][] = []

/** The slow obvious way: for each step up to `count`, the work of every key but the centre. Always the same start. */
function stepWorks(start: bigint, count: number, half: number): { i: number; work: number }[][] {
  const { Point } = ed25519
  const eight = Point.BASE.multiply(8n)
  for (let step = known.length; step <= count; step++) {
    const lowest = start + 8n * BigInt(step * (2 * half + 1) - half)
    let point = Point.BASE.multiply(Point.Fn.create(lowest))
    const works: { i: number; work: number }[] = []
    for (let i = -half; i <= half; i++) {
      const u = ed25519.utils.toMontgomery(point.toBytes())
      if (i !== 0) works.push({ i, work: workbitOf(publicKeyOf(u), 'public') })
      point = point.add(eight)
    }
    known.push(works)
  }
  return known
}

function compare(a: number[], b: number[]): number {
  const i = a.findIndex((value, i) => value !== b[i])
  return i < 0 ? 0 : a[i]! - b[i]!
}
