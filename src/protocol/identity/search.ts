/**
 * The search for a key with enough work: the part that knows scalars. The curve and the hash are in WebAssembly
 * (`src/wasm/key-search.ts`), which knows only points.
 *
 *     scalars     … k-16  k-8  [k]  k+8  k+16 …       each a multiple of 8, as clamping wants
 *     points      … P-Q2  P-Q1  P   P+Q1 P+Q2 …       P = k B, Qi = 8 i B
 *                 |--------- one step --------|       then k moves by 8 (keys of a step + 1)
 *
 * A search starts at a scalar that nobody can guess and ends with its first key. Two keys of one search would differ by a
 * small multiple of 8, so that whoever knows one finds the other: a search shows one key, and is then over.
 */

import { normalizeZ } from '@noble/curves/abstract/curve.js'
import { FpInvertBatch } from '@noble/curves/abstract/modular.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, equalBytes, numberToBytesLE } from '@noble/curves/utils.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { PrivateKey, publicKeyOf } from './key.ts'
import { workbitOf } from './workbit.ts'

export type Goal = { readonly workbit: number; readonly namespace: string }

/** What the goal may ask: the WebAssembly looks at 64 bits of the hash, and hashes one block. */
export const limits = { workbit: 64, namespaceBytes: 64 } as const

/** The exports of `src/wasm/key-search.ts`; what each does stands there. */
export interface KeySearchWasm {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly KEYS: { readonly value: number }
  readonly INPUT: { readonly value: number }
  readonly OUTPUT: { readonly value: number }
  usable(): number
  setPoint(i: number): void
  setCentre(): void
  setGoal(workbit: number, namespaceBytes: number): void
  step(): number
}

/** Keys tried in this step, and the first that was seen with enough work. */
export type Step = { readonly tries: number; readonly found?: PrivateKey }

const { Point } = ed25519
const { Fp, Fn } = Point
export type EdwardsPoint = InstanceType<typeof Point>

/** Clamped scalars are the multiples of 8 from 2^254 to 2^255 - 8 (RFC 7748 §5). */
const first = 2n ** 254n
const last = 2n ** 255n - 8n

/** √-486664, either root: it only has to be the same one for all points (RFC 7748 §4.1, the map between the curves). */
const root = Fp.sqrt(Fp.neg(486664n))

/** Writes the multiples of 8 B that every search needs: once per instance, some 50 ms. */
export function prepareTable(wasm: KeySearchWasm): void {
  const half = wasm.KEYS.value / 2
  const eight = Point.BASE.multiply(8n)
  const multiples = [eight]
  for (let i = 1; i < half; i++) multiples.push(multiples[i - 1]!.add(eight))
  multiples.push(eight.multiply(BigInt(2 * half + 1)))
  montgomery(multiples).forEach((bytes, i) => {
    write(wasm, bytes)
    wasm.setPoint(i < half ? i + 1 : 2 * half + 1)
  })
}

export class KeySearch {
  readonly #wasm: KeySearchWasm
  readonly #goal: Goal
  /** How far a step reaches to either side of its centre. */
  readonly #reach: bigint
  readonly #move: bigint
  #centre: bigint
  #over = false

  /**
   * @param wasm has its table, and serves no other search meanwhile
   * @param seed 32 bytes, used for nothing else: clamped, the scalar of the first centre
   */
  constructor(wasm: KeySearchWasm, seed: Uint8Array, goal: Goal) {
    const namespace = utf8ToBytes(goal.namespace)
    if (!Number.isInteger(goal.workbit) || goal.workbit < 0 || goal.workbit > limits.workbit) {
      throw new TypeError(`workbit is ${goal.workbit}; a search can have 0 to ${limits.workbit}`)
    }
    if (namespace.length > limits.namespaceBytes) throw new TypeError('the namespace does not fit into one block')
    this.#wasm = wasm
    this.#goal = goal
    this.#reach = 4n * BigInt(wasm.KEYS.value)
    this.#move = 8n * BigInt(wasm.KEYS.value + 1)
    this.#centre = bytesToNumberLE(new PrivateKey(seed).scalar())
    write(wasm, namespace)
    wasm.setGoal(goal.workbit, namespace.length)
    this.#stayInRange()
    this.#writeCentre()
  }

  step(): Step {
    if (this.#over) throw new TypeError('a search shows one key only')
    const i = this.#wasm.step()
    if (i === 0) {
      this.#centre += this.#move
      if (this.#stayInRange()) this.#writeCentre()
      return { tries: this.#wasm.KEYS.value }
    }
    this.#over = true
    const found = new PrivateKey(numberToBytesLE(this.#centre + 8n * BigInt(i), 32))
    this.#prove(found)
    // a step goes through its table from the end, in two lanes, and looks at both signs of each
    const slots = this.#wasm.KEYS.value / 4
    return { tries: 4 * (slots - ((Math.abs(i) - 1) % slots)), found }
  }

  /** Computes the key once more, by another way and other code. An error here is ours, and its key is not to be shown. */
  #prove(found: PrivateKey): void {
    const bytes = x25519.getPublicKey(found.scalar())
    const claimed = new Uint8Array(this.#wasm.memory.buffer, this.#wasm.OUTPUT.value, 32)
    if (!equalBytes(bytes, claimed)) throw new TypeError('internal: the search computed a wrong public key')
    if (workbitOf(publicKeyOf(bytes), this.#goal.namespace) < this.#goal.workbit) {
      throw new TypeError('internal: the search computed a wrong hash')
    }
  }

  /** At the end of the scalars the search goes on at their beginning. */
  #stayInRange(): boolean {
    const inside = this.#centre >= first + this.#reach && this.#centre <= last - this.#reach
    if (!inside) this.#centre = first + this.#reach
    return !inside
  }

  #writeCentre(): void {
    write(this.#wasm, montgomery([Point.BASE.multiply(Fn.create(this.#centre))])[0]!)
    this.#wasm.setCentre()
  }
}

function write(wasm: KeySearchWasm, bytes: Uint8Array): void {
  new Uint8Array(wasm.memory.buffer, wasm.INPUT.value, 64).set(bytes)
}

/** u and v, 32 bytes each: u = (1 + y) / (1 - y), v = √-486664 u / x. Not for the points of order 1 and 2. */
export function montgomery(points: EdwardsPoint[]): Uint8Array[] {
  const affine = normalizeZ(Point, points)
  const inverses = FpInvertBatch(
    Fp,
    affine.map(({ x, y }) => Fp.mul(x, Fp.sub(1n, y))),
    true,
  )
  return affine.map(({ x, y }, i) => {
    // the inverse is 1 / (x (1 - y))
    const uByX = Fp.mul(Fp.add(1n, y), inverses[i]!)
    const out = new Uint8Array(64)
    out.set(Fp.toBytes(Fp.mul(uByX, x)))
    out.set(Fp.toBytes(Fp.mul(root, uByX)), 32)
    return out
  })
}
