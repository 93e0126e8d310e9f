/**
 * What members say to each other about the roll, on a stream of libp2p (docs/protocol/membership.md, "Spreading", "Joining").
 *
 *     | length u32, of all behind it | kind u8 | body |
 */

import { concatBytes } from '@noble/hashes/utils.js'
import * as P from 'micro-packed'
import { hostname, id, maybe, proof } from './fields.ts'
import { limits, type NetworkId, type StatementId } from './statement.ts'

export type Frame =
  /** Which network it is about, and its genesis as it was signed. */
  | { readonly kind: 'network'; readonly network: NetworkId; readonly genesis: Uint8Array }
  /** `Reconciliation`'s. */
  | { readonly kind: 'ranges'; readonly message: Uint8Array }
  | { readonly kind: 'statements'; readonly statements: readonly Uint8Array[] }
  | { readonly kind: 'want'; readonly ids: readonly StatementId[] }
  /** That was all that was asked for. */
  | { readonly kind: 'done' }
  /** I have the secret of this invite: its key, and its signature of `helloMessage`. */
  | { readonly kind: 'hello'; readonly inviteKey: Uint8Array; readonly proof: Uint8Array }
  /** Admit me under this name; the invite's proof. */
  | { readonly kind: 'request'; readonly hostname?: string; readonly proof: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: string }

const statement = P.bytes(P.U16BE)
const frame = P.mappedTag(P.U8, {
  network: [1, P.struct({ network: id, genesis: statement })],
  ranges: [2, P.struct({ message: P.bytes(null) })],
  statements: [3, P.struct({ statements: P.array(null, statement) })],
  want: [4, P.struct({ ids: P.array(null, id) })],
  done: [5, P.struct({})],
  hello: [6, P.struct({ inviteKey: P.bytes(32), proof })],
  request: [7, P.struct({ hostname: maybe(hostname), proof })],
  refused: [8, P.struct({ reason: P.string(P.U8) })],
})

/** Bytes of one frame; ranges of large networks, and a load of statements, fit in. */
export const frameLimit = 1 << 20
const headLength = 4
/** A frame of statements is sent when it has so many bytes. */
const batchLength = 60_000

export function encodeFrame({ kind, ...data }: Frame): Uint8Array {
  const body = frame.encode({ TAG: kind, data } as never)
  const head = new Uint8Array(headLength)
  new DataView(head.buffer).setUint32(0, body.length)
  return concatBytes(head, body)
}

/** Any number of statements, in as many frames as they need. */
export function* statementFrames(statements: Iterable<Uint8Array>): Generator<Frame> {
  let batch: Uint8Array[] = []
  let length = 0
  for (const bytes of statements) {
    batch.push(bytes)
    length += bytes.length + 2
    if (length < batchLength) continue
    yield { kind: 'statements', statements: batch }
    batch = []
    length = 0
  }
  if (batch.length > 0) yield { kind: 'statements', statements: batch }
}

/** Frames out of pieces of any length. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0)

  /** @throws TypeError for what is no frame: the stream is to be ended */
  read(piece: Uint8Array): Frame[] {
    const frames: Frame[] = []
    this.#rest = this.#rest.length === 0 ? piece : concatBytes(this.#rest, piece)
    while (this.#rest.length >= headLength) {
      const length = new DataView(this.#rest.buffer, this.#rest.byteOffset).getUint32(0)
      if (length > frameLimit) throw new TypeError(`a frame of ${length} bytes`)
      if (this.#rest.length < headLength + length) break
      const body = this.#rest.subarray(headLength, headLength + length)
      this.#rest = this.#rest.subarray(headLength + length)
      frames.push(decode(body))
    }
    return frames
  }
}

function decode(body: Uint8Array): Frame {
  let read: ReturnType<typeof frame.decode>
  try {
    read = frame.decode(body)
  } catch {
    throw new TypeError('not a frame')
  }
  const { TAG: kind, data } = read
  const present = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined))
  const told = { kind, ...present } as Frame
  const tooLong = told.kind === 'statements' && told.statements.some(({ length }) => length > limits.statement)
  if (tooLong) throw new TypeError('a statement that is too long')
  return told
}
