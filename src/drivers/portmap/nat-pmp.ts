/**
 * NAT Port Mapping Protocol (RFC 6886), PCP's predecessor on the same port. IPv4 only.
 *
 *     request  | 0 | opcode 1 |                              MAP: | 0 0 | internal port 2 | external port 2 | lifetime 4 |
 *     answer   | 0 | 128 + opcode 1 | result 2 | epoch 4 |   ADDRESS: | address 4 |  MAP: | internal port 2 | external port 2 | lifetime 4 |
 *
 * It has no nonce: that the answer comes from the router's address, to a port that was just opened, is all there is.
 */

import * as P from 'micro-packed'
import { addressOf } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import type { Os } from '../../os/index.ts'
import { ask } from './ask.ts'
import { serverPort } from './pcp.ts'
import { type Answered, type Grant, noAnswer, type Place, type Protocol, type Wanted } from './protocol.ts'

const opcodes = { address: 0, mapUdp: 1 } as const
const answerBit = 128

/** RFC 6886 §3.5 */
const results: Record<number, string> = {
  1: 'unsupported version',
  2: 'not authorized',
  3: 'network failure: the router is offline',
  4: 'no resources',
  5: 'unsupported opcode',
}

const mapRequest = P.struct({
  version: P.U8,
  opcode: P.U8,
  zero: P.U16BE,
  internalPort: P.U16BE,
  externalPort: P.U16BE,
  lifetime: P.U32BE,
})
const answerHead = P.struct({ version: P.U8, opcode: P.U8, result: P.U16BE, epoch: P.U32BE })
const addressAnswer = P.bytes(4)
const mapAnswer = P.struct({ internalPort: P.U16BE, externalPort: P.U16BE, lifetime: P.U32BE })
const headLength = 8

export function encodeAddressQuestion(): Uint8Array {
  return Uint8Array.of(0, opcodes.address)
}

/** @param seconds 0 removes the mapping */
export function encodeMap(port: number, externalPort: number, seconds: number): Uint8Array {
  return mapRequest.encode({
    version: 0,
    opcode: opcodes.mapUdp,
    zero: 0,
    internalPort: port,
    externalPort,
    lifetime: seconds,
  })
}

/** The result where it is not 0, else what `read` makes of the rest. */
function decode<T>(
  bytes: Uint8Array,
  opcode: number,
  length: number,
  read: (body: Uint8Array) => T | null,
): number | T | null {
  if (bytes.length < headLength) return null
  const head = answerHead.decode(bytes.slice(0, headLength))
  if (head.version !== 0 || head.opcode !== answerBit + opcode) return null
  if (head.result !== 0) return head.result
  return bytes.length < headLength + length ? null : read(bytes.slice(headLength, headLength + length))
}

/** An address, or the number of a result that is not 0. */
export function decodeAddress(bytes: Uint8Array): number | string | null {
  return decode(bytes, opcodes.address, 4, body => addressOf(addressAnswer.decode(body)))
}

export function decodeMapped(bytes: Uint8Array, port: number): number | { port: number; seconds: number } | null {
  return decode(bytes, opcodes.mapUdp, 8, body => {
    const { internalPort, externalPort, lifetime } = mapAnswer.decode(body)
    return internalPort === port ? { port: externalPort, seconds: lifetime } : null
  })
}

export function natPmp({ os, place }: { os: Pick<Os, 'udp' | 'clock'>; place: Place }): Protocol {
  const { own, gateway } = place
  const answerer = { host: gateway, port: serverPort }
  const question = <T>(bytes: Uint8Array, read: (bytes: Uint8Array) => T | null, signal: AbortSignal) =>
    ask(os, { from: own, answerer, packets: [{ bytes, to: answerer }], read }, signal)
  const problem = (result: number) => ({ problem: `refused: ${results[result] ?? `result ${result}`}` })
  const askMap = ({ port, externalPort }: Wanted, seconds: number, signal: AbortSignal) =>
    question(encodeMap(port, externalPort, seconds), bytes => decodeMapped(bytes, port), signal)

  async function address(signal: AbortSignal): Promise<Answered<string>> {
    const answer = await question(encodeAddressQuestion(), decodeAddress, signal)
    if (answer === null) return { problem: noAnswer }
    return typeof answer === 'number' ? problem(answer) : { ok: answer }
  }

  return {
    name: 'nat-pmp',
    async look(signal) {
      const { ok: external, problem } = await address(signal)
      return external === undefined ? { problem } : { ok: { external } }
    },
    async map(wanted, signal): Promise<Answered<Grant>> {
      // asked each time: it may have changed since, and a mapping does not say it
      const [host, answer] = await Promise.all([
        address(signal),
        askMap(wanted, Math.ceil(wanted.lifetime / second), signal),
      ])
      if (host.ok === undefined) return host
      if (answer === null) return { problem: noAnswer }
      if (typeof answer === 'number') return problem(answer)
      const { port, seconds } = answer
      if (seconds === 0) return { problem: 'refused: no lifetime' }
      return { ok: { external: { host: host.ok, port }, lifetime: seconds * second } }
    },
    async unmap(wanted, signal) {
      // the external port is 0 in a request to remove (RFC 6886 §3.4)
      const answer = await askMap({ ...wanted, externalPort: 0 }, 0, signal)
      return answer !== null && typeof answer !== 'number'
    },
  }
}
