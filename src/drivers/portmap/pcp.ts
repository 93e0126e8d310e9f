/**
 * Port Control Protocol (RFC 6887): what `MAP` and `ANNOUNCE` look like, and the two questions we have.
 *
 *     request  | 2 | opcode 1 | 0 0 | lifetime 4 | our address 16 |
 *     answer   | 2 | 128 + opcode 1 | 0 | result 1 | lifetime 4 | epoch 4 | 0 × 12 |
 *     MAP      | nonce 12 | protocol 1 | 0 0 0 | internal port 2 | external port 2 | external address 16 |
 *
 * A mapping belongs to who knows its nonce. Ours follows from a secret, the place and the port: a node that crashed finds what it left.
 */

import * as P from 'micro-packed'
import { addressBytes, addressOf, type Endpoint } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import type { Os } from '../../os/index.ts'
import { ask } from './ask.ts'
import { type Answered, type Grant, noAnswer, type Place, type Protocol, type Wanted } from './protocol.ts'

/** Of PCP and NAT-PMP. */
export const serverPort = 5351

const version = 2
const opcodes = { announce: 0, map: 1 } as const
const answerBit = 128
const udp = 17

/** RFC 6887 §7.4 */
const results: Record<number, string> = {
  1: 'unsupported version',
  2: 'not authorized',
  3: 'malformed request',
  4: 'unsupported opcode',
  5: 'unsupported option',
  6: 'malformed option',
  7: 'network failure: the router is offline',
  8: 'no resources',
  9: 'unsupported protocol',
  10: 'user exceeded quota',
  11: 'cannot provide the external port',
  12: 'address mismatch: there is another NAT before this router',
  13: 'excessive remote peers',
}

const requestHead = P.struct({ version: P.U8, opcode: P.U8, zero: P.U16BE, lifetime: P.U32BE, own: P.bytes(16) })
const answerHead = P.struct({
  version: P.U8,
  opcode: P.U8,
  zero: P.U8,
  result: P.U8,
  lifetime: P.U32BE,
  epoch: P.U32BE,
  zeros: P.bytes(12),
})
const map = P.struct({
  nonce: P.bytes(12),
  protocol: P.U8,
  zeros: P.bytes(3),
  internalPort: P.U16BE,
  externalPort: P.U16BE,
  externalAddress: P.bytes(16),
})
const headLength = 24
const mapLength = 36

const nonceLabel = new TextEncoder().encode('wirehub pcp nonce 1')

/** IPv4 in IPv6, as PCP writes it (RFC 6887 §5). */
const mappedPrefix = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)
const in6 = (address: string) => Uint8Array.of(...mappedPrefix, ...addressBytes(address))
const from6 = (bytes: Uint8Array) =>
  mappedPrefix.every((byte, i) => bytes[i] === byte) ? addressOf(bytes.slice(12)) : null

const encodeHead = (opcode: number, own: string, seconds = 0) =>
  requestHead.encode({ version, opcode, zero: 0, lifetime: seconds, own: in6(own) })

export function encodeAnnounce(own: string): Uint8Array {
  return encodeHead(opcodes.announce, own)
}

/** @param seconds 0 removes the mapping */
export function encodeMap(
  own: string,
  nonce: Uint8Array,
  port: number,
  externalPort: number,
  seconds: number,
): Uint8Array {
  const body = map.encode({
    nonce,
    protocol: udp,
    zeros: new Uint8Array(3),
    internalPort: port,
    externalPort,
    // none that we would like better
    externalAddress: in6('0.0.0.0'),
  })
  return Uint8Array.of(...encodeHead(opcodes.map, own, seconds), ...body)
}

export type PcpAnswer = {
  /** 0: done. */
  readonly result: number
  readonly seconds: number
  readonly external?: Endpoint
}

/** `null` for what is no answer to that question. A router that knows but NAT-PMP answers "unsupported version" in that. */
function decode(bytes: Uint8Array, opcode: number): PcpAnswer | null {
  if (bytes.length >= 8 && bytes[0] === 0 && bytes[1]! >= answerBit) return { result: 1, seconds: 0 }
  if (bytes.length < headLength || bytes.length % 4 !== 0) return null
  const { result, lifetime: seconds, ...head } = answerHead.decode(bytes.slice(0, headLength))
  if (head.opcode !== answerBit + opcode) return null
  // another version is only an answer where it says that ours is none
  if (head.version !== version && result !== 1) return null
  return { result, seconds }
}

export function decodeAnnounced(bytes: Uint8Array): PcpAnswer | null {
  return decode(bytes, opcodes.announce)
}

export function decodeMapped(bytes: Uint8Array, nonce: Uint8Array, port: number): PcpAnswer | null {
  const answer = decode(bytes, opcodes.map)
  if (!answer || answer.result === 1) return answer
  if (bytes.length < headLength + mapLength) return null
  const body = map.decode(bytes.slice(headLength, headLength + mapLength))
  if (body.protocol !== udp || body.internalPort !== port || !body.nonce.every((byte, i) => byte === nonce[i]))
    return null
  const host = from6(body.externalAddress)
  if (answer.result !== 0) return answer
  return host === null ? null : { ...answer, external: { host, port: body.externalPort } }
}

export type PcpParts = {
  readonly os: Pick<Os, 'udp' | 'clock' | 'crypto'>
  readonly place: Place
  readonly secret: Uint8Array
}

export function pcp({ os, place, secret }: PcpParts): Protocol {
  const { own, gateway } = place
  const answerer = { host: gateway, port: serverPort }
  const problem = (result: number) => ({ problem: `refused: ${results[result] ?? `result ${result}`}` })
  const nonceOf = (port: number) => {
    const what = Uint8Array.of(...addressBytes(gateway), ...addressBytes(own), port >> 8, port & 0xff)
    return os.crypto.hmac(secret, nonceLabel, what).subarray(0, 12)
  }
  const askMap = ({ port, externalPort }: Wanted, seconds: number, signal: AbortSignal) => {
    const nonce = nonceOf(port)
    const packets = [{ bytes: encodeMap(own, nonce, port, externalPort, seconds), to: answerer }]
    return ask(os, { from: own, answerer, packets, read: bytes => decodeMapped(bytes, nonce, port) }, signal)
  }
  return {
    name: 'pcp',
    async look(signal) {
      const packets = [{ bytes: encodeAnnounce(own), to: answerer }]
      const answer = await ask(os, { from: own, answerer, packets, read: decodeAnnounced }, signal)
      if (!answer) return { problem: noAnswer }
      // who does not know ANNOUNCE may still map
      return answer.result === 0 || answer.result === 4 ? { ok: {} } : problem(answer.result)
    },
    async map(wanted, signal): Promise<Answered<Grant>> {
      const answer = await askMap(wanted, Math.ceil(wanted.lifetime / second), signal)
      if (!answer) return { problem: noAnswer }
      const { result, external, seconds } = answer
      return external && seconds > 0 ? { ok: { external, lifetime: seconds * second } } : problem(result)
    },
    async unmap(wanted, signal) {
      // the external port is 0 in a request to remove (RFC 6887 §15)
      const answer = await askMap({ ...wanted, externalPort: 0 }, 0, signal)
      return answer?.result === 0
    },
  }
}
