/**
 * What does the other have that I have not, and the other way round? Range-based set reconciliation (Aljoscha Meyer, "Range-Based Set
 * Reconciliation", 2023): both have their statements in the one order of depth and id, and compare ranges of it by fingerprints.
 *
 *     asks      [────────────── fingerprint ──────────────]
 *     answers   [ fp ][ fp ][ fp ][ fp ][ fp ] … [ids ids]     a range that differs, in 16 parts; a short one as its ids
 *     asks      [ ·  ][ ·  ][ids ][ ·  ] …       [ ·      ]     the same again, for what differs still
 *
 * News stand deepest, so they are all at the end: the messages cost about as much as the news. Whoever asks knows in the end what to send
 * and what to ask for.
 */

import { blake2b } from '@noble/hashes/blake2.js'
import * as P from 'micro-packed'
import { equalBytes } from '../../base/bytes.ts'
import { idBytes, idOf } from './fields.ts'
import type { StatementId } from './statement.ts'

/** Where a statement stands. */
export type Item = { readonly depth: number; readonly id: StatementId }

type Range =
  | { readonly TAG: 'same'; readonly data: undefined }
  | { readonly TAG: 'fingerprint'; readonly data: Uint8Array }
  | { readonly TAG: 'ids'; readonly data: readonly Uint8Array[] }

/** Ranges follow one another: each begins where the one before ends. The last has no end. */
type Part = { readonly end: { readonly depth: number; readonly id: Uint8Array }; readonly range: Range }

const parts = 16
/** Shorter ranges are told by their ids. */
const short = 32
export const fingerprintLength = 16
/** More than two full sets of 10 000 need. */
export const messageLimit = 1 << 20
const last = { depth: 0xffffffff, id: new Uint8Array(0) }

const message: P.CoderType<Part[]> = P.array(
  null,
  P.struct({
    // the beginning of an id that is enough to tell it from the one before
    end: P.struct({ depth: P.U32BE, id: P.bytes(P.U8) }),
    range: P.mappedTag(P.U8, {
      same: [0, P.constant(undefined)],
      fingerprint: [1, P.bytes(fingerprintLength)],
      ids: [2, P.array(P.U16BE, P.bytes(32))],
    }),
  }),
) as never

export type Differences = {
  /** For the other; `null`: there is no question left. */
  readonly question: Uint8Array | null
  /** Of ours, what the other has not. */
  readonly give: readonly StatementId[]
  /** What the other has, and we have not. */
  readonly want: readonly StatementId[]
}

export class Reconciliation {
  readonly #items: readonly Item[]

  /** @param items in their order */
  constructor(items: readonly Item[]) {
    this.#items = items
  }

  /** The first question. */
  begin(): Uint8Array {
    return message.encode(this.#describe(0, this.#items.length, last))
  }

  /** The answer to a question; `null` for bytes that are none. Nothing is kept between two. */
  answer(question: Uint8Array): Uint8Array | null {
    return this.#compare(question, (own, end, theirs) => {
      const isSame = own.length === theirs.length && own.every(({ id }, i) => equalBytes(idBytes(id), theirs[i]!))
      return isSame ? { end, range: same } : idsOf(own, end)
    })
  }

  /** What an answer says; `null` for bytes that are none. */
  read(answer: Uint8Array): Differences | null {
    const give: StatementId[] = []
    const want: StatementId[] = []
    const question = this.#compare(answer, (own, end, ids) => {
      const theirs = new Set(ids.map(idOf))
      const mine = new Set(own.map(({ id }) => id))
      give.push(...[...mine].filter(id => !theirs.has(id)))
      want.push(...[...theirs].filter(id => !mine.has(id)))
      return { end, range: same }
    })
    return question && { question: decode(question)!.length > 0 ? question : null, give, want }
  }

  /** @param told what comes of a range whose ids the other has told */
  #compare(
    bytes: Uint8Array,
    told: (own: readonly Item[], end: Part['end'], ids: readonly Uint8Array[]) => Part,
  ): Uint8Array | null {
    const ranges = decode(bytes)
    if (!ranges) return null
    const parts: Part[] = []
    let from = 0
    for (const { end, range } of ranges) {
      const to = this.#find(end, from)
      const own = this.#items.slice(from, to)
      if (range.TAG === 'ids') parts.push(told(own, end, range.data))
      else if (range.TAG === 'fingerprint' && !equalBytes(range.data, fingerprintOf(own)))
        parts.push(...this.#describe(from, to, end))
      else parts.push({ end, range: same })
      from = to
    }
    return message.encode(squeezed(parts))
  }

  /** Our range: whole, by its ids, or in parts. */
  #describe(from: number, to: number, end: Part['end']): Part[] {
    const items = this.#items.slice(from, to)
    if (items.length <= short) return [idsOf(items, end)]
    const size = Math.ceil(items.length / parts)
    const described: Part[] = []
    for (let at = 0; at < items.length; at += size) {
      const next = items[at + size]
      const range: Range = { TAG: 'fingerprint', data: fingerprintOf(items.slice(at, at + size)) }
      described.push({ end: next ? boundBefore(next, items[at + size - 1]!) : end, range })
    }
    return described
  }

  /** The first place at or behind `from` whose statement does not stand before the bound. */
  #find(bound: Part['end'], from: number): number {
    let [low, high] = [from, this.#items.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(this.#items[middle]!, bound)) low = middle + 1
      else high = middle
    }
    return low
  }
}

const same: Range = { TAG: 'same', data: undefined }

/** Neighbours that need nothing more are one, and none at the end. */
function squeezed(ranges: readonly Part[]): Part[] {
  return ranges.filter(({ range }, i) => range.TAG !== 'same' || (ranges[i + 1]?.range.TAG ?? 'same') !== 'same')
}

function idsOf(items: readonly Item[], end: Part['end']): Part {
  return { end, range: { TAG: 'ids', data: items.map(({ id }) => idBytes(id)) } }
}

function decode(bytes: Uint8Array): Part[] | null {
  if (bytes.length > messageLimit) return null
  try {
    const ranges = message.decode(bytes)
    const isGrowing = ranges.every(({ end }, i) => i === 0 || compareBounds(ranges[i - 1]!.end, end) < 0)
    return isGrowing && ranges.every(({ end }) => end.id.length <= 32) ? ranges : null
  } catch {
    // micro-packed tells in this way that the bytes are none of ours
    return null
  }
}

/** Of a range; those who know the ids could make two of one fingerprint, and would only deceive themselves. */
function fingerprintOf(items: readonly Item[]): Uint8Array {
  const hash = blake2b.create({ dkLen: fingerprintLength })
  for (const { id } of items) hash.update(idBytes(id))
  return hash.digest()
}

/** The shortest bound that `item` does not stand before, and the one before it does. */
function boundBefore(item: Item, before: Item): Part['end'] {
  if (item.depth !== before.depth) return { depth: item.depth, id: new Uint8Array(0) }
  const [bytes, other] = [idBytes(item.id), idBytes(before.id)]
  const length = bytes.findIndex((byte, i) => byte !== other[i]) + 1
  return { depth: item.depth, id: bytes.slice(0, length) }
}

function isBefore(item: Item, bound: Part['end']): boolean {
  return compareBounds({ depth: item.depth, id: idBytes(item.id) }, bound) < 0
}

function compareBounds(a: Part['end'], b: Part['end']): number {
  if (a.depth !== b.depth) return a.depth - b.depth
  for (let i = 0; i < Math.min(a.id.length, b.id.length); i++) {
    if (a.id[i] !== b.id[i]) return a.id[i]! - b.id[i]!
  }
  return a.id.length - b.id.length
}
