/** The frames of one packet, put together in the order in which a reader needs them. */

import {
  type AckFrame,
  streamFrameOverhead,
  writeAck,
  writeClose,
  writeMaxData,
  writePing,
  writeStreamHeader,
} from './frame.ts'
import type { Piece, SendBuffer } from './send-buffer.ts'

export type Contents = {
  readonly ack?: AckFrame | undefined
  readonly maxData?: number | undefined
  readonly ping?: boolean | undefined
  readonly close?: number | undefined
  /** Where the data comes from, as much as fits. */
  readonly data?: SendBuffer | undefined
  /** Fill the room with PADDING. */
  readonly pad?: boolean | undefined
}

/** Bytes of MAX_DATA, PING and CLOSE together, at most: an ACK leaves that much. */
const reserved = 9 + 1 + 9

/** Writes into the first `room` bytes of `target`. What does not fit is left out: pieces are returned as far as they went in. */
export function assemble(target: Uint8Array, room: number, contents: Contents): { size: number; pieces: Piece[] } {
  let at = 0
  if (contents.ack) at = writeAck(target, at, room - reserved, contents.ack)
  if (contents.maxData !== undefined) at = writeMaxData(target, at, contents.maxData)
  if (contents.ping) at = writePing(target, at)
  if (contents.close !== undefined) at = writeClose(target, at, contents.close)
  const pieces: Piece[] = []
  if (contents.data) {
    const overhead = streamFrameOverhead(contents.data.written)
    while (room - at > overhead) {
      const piece = contents.data.take(room - at - overhead)
      if (!piece) break
      at = writeStreamHeader(target, at, piece.offset, piece.length, piece.fin)
      contents.data.copy(piece, target, at)
      at += piece.length
      pieces.push(piece)
    }
  }
  if (contents.pad) {
    target.fill(0, at, room)
    at = room
  }
  return { size: at, pieces }
}
