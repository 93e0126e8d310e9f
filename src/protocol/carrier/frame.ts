/**
 * Datagrams in a byte stream, for networks that let no UDP out. One end of the stream is a node that others reach, its server; the other
 * end came to it, its guest.
 *
 *      0        2       4
 *      | length | port  | length bytes |          port: of the server, to which the guest sends, or from which it gets
 *                                                 1: its WireGuard's, whatever that is
 *      | 4      | 0     | received u32 |          port 0: so many bytes of frames have come so far, modulo 2^32
 *
 * All numbers big-endian. What is in a datagram is no business of the carrier: it is sealed, by WireGuard or by us.
 */

export const headSize = 4
/** The port of the server's WireGuard, for who does not know its number. */
export const wireguardPort = 1
/** A control packet has at most 1400 bytes, WireGuard's of an MTU of 1420 have 1452; and some, for other MTUs. */
export const longest = 2_048
/** Both ends speak this libp2p protocol. */
export const carrierProtocol = '/wirehub/carry/1'

export type Frame =
  | { readonly kind: 'datagram'; readonly port: number; readonly bytes: Uint8Array }
  | { readonly kind: 'received'; readonly total: number }

const put16 = (bytes: Uint8Array, at: number, value: number) => {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 0xff
}
const get16 = (bytes: Uint8Array, at: number) => bytes[at]! * 256 + bytes[at + 1]!

/** `null` for a datagram that is empty or too long, or a port that is none: it is lost, as UDP may. */
export function frameOf(port: number, datagram: Uint8Array): Uint8Array | null {
  if (datagram.length === 0 || datagram.length > longest || port < 1 || port > 0xffff) return null
  const bytes = new Uint8Array(headSize + datagram.length)
  put16(bytes, 0, datagram.length)
  put16(bytes, 2, port)
  bytes.set(datagram, headSize)
  return bytes
}

export function receivedFrame(total: number): Uint8Array {
  const bytes = new Uint8Array(headSize + 4)
  put16(bytes, 0, 4)
  put16(bytes, 4, (total >>> 16) & 0xffff)
  put16(bytes, 6, total & 0xffff)
  return bytes
}

/** What came in pieces, as frames. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0)

  /** @returns the frames that are whole now; `null`: this is no such stream, and nothing that follows can be read */
  push(bytes: Uint8Array): Frame[] | null {
    let all = bytes
    if (this.#rest.length > 0) {
      all = new Uint8Array(this.#rest.length + bytes.length)
      all.set(this.#rest)
      all.set(bytes, this.#rest.length)
    }
    const frames: Frame[] = []
    let at = 0
    while (all.length - at >= headSize) {
      const length = get16(all, at)
      const port = get16(all, at + 2)
      if (length === 0 || length > longest || (port === 0 && length !== 4)) return null
      const end = at + headSize + length
      if (all.length < end) break
      const body = all.slice(at + headSize, end)
      frames.push(
        port === 0
          ? { kind: 'received', total: get16(body, 0) * 0x1_0000 + get16(body, 2) }
          : { kind: 'datagram', port, bytes: body },
      )
      at = end
    }
    this.#rest = all.slice(at)
    return frames
  }
}
