/**
 * Keys that follow from a secret which somebody has already: the same secret and the same wish give the same key, on every machine, by
 * any number of threads. docs/protocol/identity.md has the rule.
 *
 *     root      32 secret bytes, from an SSH key (`ssh.ts`) or a phrase (`phrase.ts`)
 *     stretch   numbered 0, 1, 2 …; each starts at a scalar of its own, hashed from root, wish and number
 *     keys      start + 8 n for n = 0, 1, 2 …, but those in the middle of a step, which the search does not look at
 *
 * The key is the first with enough work: in the first stretch that has one, the one with the smallest n.
 */

import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesBE, numberToBytesLE } from '@noble/curves/utils.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { PrivateKey, publicKeyOf } from './key.ts'
import { type EdwardsPoint, type Goal, KeySearch, type KeySearchWasm, montgomery, type Step } from './search.ts'
import { workbitOf } from './workbit.ts'

/** Which key of a root. Another wish gives a key that has nothing to do with this one. */
export type Wish = Goal & {
  /** Tells keys of one root and one goal apart, such as those of two machines. Empty for the first. */
  readonly label: string
}

/** 2^20 keys: a quarter of a second for one thread, beside which its start costs nothing. */
export const stretchSteps = 512

/** Keys on either side of a step's middle. Part of the rule: another build of the search may not change it. */
const half = 1024

const { Point } = ed25519

/** The scalar at which a stretch begins. */
export function stretchStart(root: Uint8Array, wish: Wish, stretch: number): Uint8Array {
  if (root.length !== 32) throw new TypeError('a root has 32 bytes')
  const namespace = utf8ToBytes(wish.namespace)
  const parts = [
    utf8ToBytes('wirehub stretch 1'),
    root,
    Uint8Array.of(wish.workbit),
    numberToBytesBE(stretch, 8),
    Uint8Array.of(namespace.length),
    namespace,
    utf8ToBytes(wish.label),
  ]
  return new PrivateKey(blake2b(concatBytes(...parts), { dkLen: 32 })).scalar()
}

/** A step of a stretch. `over` after the last one: there is no key in this stretch. */
export type StretchStep = Step & { readonly over?: boolean }

export class StretchSearch {
  readonly #search: KeySearch
  readonly #wish: Wish
  readonly #start: bigint
  #steps = 0

  /** @param wasm has its table, and serves no other search meanwhile */
  constructor(wasm: KeySearchWasm, root: Uint8Array, wish: Wish, stretch: number) {
    if (wasm.KEYS.value !== 2 * half) throw new TypeError(`the search takes ${wasm.KEYS.value} keys a step`)
    this.#wish = wish
    // that a stretch passes the end of the scalars has a chance of 2^-231
    this.#start = bytesToNumberLE(stretchStart(root, wish, stretch))
    this.#search = new KeySearch(wasm, numberToBytesLE(this.#start + 8n * BigInt(half), 32), wish)
  }

  step(): StretchStep {
    const step = this.#search.step()
    const before = this.#steps++ * (2 * half + 1)
    if (!step.found) return { ...step, over: this.#steps >= stretchSteps }
    const seen = Number((bytesToNumberLE(step.found.scalar()) - this.#start) / 8n)
    return { ...step, found: this.#first(before, seen) ?? step.found }
  }

  /** The search sees the keys of a step in an order of its own. Here once more, in the order of n, from `from` up to what it saw. */
  #first(from: number, to: number): PrivateKey | undefined {
    const scalar = (n: number) => this.#start + 8n * BigInt(n)
    const eight = Point.BASE.multiply(8n)
    const points: EdwardsPoint[] = []
    let point = Point.BASE.multiply(Point.Fn.create(scalar(from)))
    for (let n = from; n < to; n++, point = point.add(eight)) points.push(point)
    const first = montgomery(points).findIndex((uv, i) => {
      return i !== half && workbitOf(publicKeyOf(uv.subarray(0, 32)), this.#wish.namespace) >= this.#wish.workbit
    })
    return first < 0 ? undefined : new PrivateKey(numberToBytesLE(scalar(from + first), 32))
  }
}
