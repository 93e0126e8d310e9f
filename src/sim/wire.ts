/** What a datagram of a simulated world is, in a word or two. Control packets can be read, for nothing is sealed there (`crypto.ts`). */

import { formats, overhead } from '../protocol/control/constants.ts'
import { decodeMessage } from '../protocol/control/message.ts'

const tagLength = 16

export function wireText(bytes: Uint8Array): string {
  if (bytes[0] === 1 && bytes.length === 148) return 'WireGuard initiation'
  if (bytes[0] === 2 && bytes.length === 92) return 'WireGuard response'
  if (bytes[0] === 4) return bytes.length === 32 ? 'WireGuard keepalive' : 'WireGuard data'
  if (bytes[0] !== 0xff) return `${bytes.length} bytes`
  if (bytes[1] !== formats.sealed) return `control, format ${bytes[1]}`
  const body = bytes.slice(overhead - tagLength, -tagLength)
  const message = decodeMessage(body)
  return typeof message === 'string' ? `control, ${message}` : message.type.toUpperCase()
}
