/**
 * STUN (RFC 8489), as far as two members need it who call each other by WebRTC: a Binding request tells whoever asks where he is seen.
 *
 *     0      2        4        8             20
 *     | type | length | cookie | transaction | attributes: type, length, value, each padded to 4 bytes
 *
 * An answer is never longer than its question, or anybody could have it sent to others, and more of it than he sends himself.
 */

import { addressBytes, type Endpoint, familyOf } from '../../base/ip.ts'

/** RFC 8489 §18.6. */
export const stunPort = 3478

const header = 20
const [request, success] = [0x0001, 0x0101]
const cookie = 0x2112_a442
const xorMappedAddress = 0x0020
/** Attributes below it must be understood, or the request not served (§6.3.1). Of those we know none. */
const optional = 0x8000

/** The answer for who asks from there; `null` for whatever is no Binding request of that kind. */
export function answerBinding(question: Uint8Array, from: Endpoint): Uint8Array | null {
  if (!isBindingRequest(question)) return null
  const address = addressBytes(from.host)
  const answer = new Uint8Array(header + 8 + address.length)
  if (answer.length > question.length) return null
  answer.set(question.subarray(0, header))
  const view = new DataView(answer.buffer)
  view.setUint16(0, success)
  view.setUint16(2, answer.length - header)
  view.setUint16(20, xorMappedAddress)
  view.setUint16(22, 4 + address.length)
  view.setUint8(25, familyOf(from.host) === 4 ? 1 : 2)
  view.setUint16(26, from.port ^ (cookie >>> 16))
  // with the cookie, and for IPv6 the transaction that follows it (§14.2)
  for (const [i, byte] of address.entries()) answer[28 + i] = byte ^ question[4 + i]!
  return answer
}

function isBindingRequest(bytes: Uint8Array): boolean {
  if (bytes.length < header) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint16(0) !== request || view.getUint32(4) !== cookie) return false
  if (view.getUint16(2) !== bytes.length - header) return false
  let at = header
  while (at + 4 <= bytes.length) {
    if (view.getUint16(at) < optional) return false
    at += 4 + Math.ceil(view.getUint16(at + 2) / 4) * 4
  }
  return at === bytes.length
}
