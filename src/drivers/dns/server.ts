/**
 * The DNS responder on the overlay addresses: UDP and TCP (RFC 7766), port 53. `dns-packet` knows the bytes, `protocol/naming` the
 * answers. Questions come from members and from this machine, whose source is then an overlay address too; a neighbour who routes his
 * through our other interfaces is not heard. What is not one well-formed question is dropped without an answer.
 */

import dnsPacket from 'dns-packet'
import { type Address, parseAddress } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import type { Tcp } from '../../os/tcp.ts'
import type { Udp } from '../../os/udp.ts'
import { type Answer, answer } from '../../protocol/naming/answer.ts'
import { ours, type Zone } from '../../protocol/naming/zone.ts'

export type DnsServer = {
  /** Answers from this zone from now on. */
  serve(zone: Zone): void
  close(): void
  readonly counters: { answered: number; dropped: number }
}

export const dnsPort = 53
const tcpLimits = { connections: 64, idle: 10 * second }
/** A question of 255 bytes of name, header and EDNS options; longer ones are somebody's experiment. */
const maxQuestion = 1024

const rcodes = { NOERROR: 0, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const
const authoritativeAnswer = dnsPacket.AUTHORITATIVE_ANSWER
const recursionDesired = dnsPacket.RECURSION_DESIRED

/** Four bits (RFC 1035 §4.1.1); 0 is a standard query. */
const opcodeOf = (packet: dnsPacket.DecodedPacket) => ((packet.flags ?? 0) >> 11) & 0xf

/** The answer to one message, or `null` where it deserves none. */
export function answerBytes(zone: Zone, bytes: Uint8Array): Uint8Array | null {
  if (bytes.length > maxQuestion) return null
  let query: dnsPacket.DecodedPacket
  try {
    query = dnsPacket.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  } catch {
    return null
  }
  const question = query.questions?.[0]
  if (query.type !== 'query' || query.questions?.length !== 1 || !question) return null
  const { rcode, answers, authorities }: Answer =
    opcodeOf(query) === 0
      ? answer(zone, { name: question.name, type: question.type, class: question.class ?? 'IN' })
      : { rcode: 'NOTIMP', answers: [], authorities: [] }
  const edns = query.additionals?.some(record => record.type === 'OPT')
  return dnsPacket.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: rcodes[rcode] | (rcode === 'REFUSED' ? 0 : authoritativeAnswer) | ((query.flags ?? 0) & recursionDesired),
    questions: [question],
    answers: answers as dnsPacket.Answer[],
    authorities: authorities as dnsPacket.Answer[],
    additionals: edns
      ? [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as unknown as dnsPacket.Answer]
      : [],
  })
}

/** Cuts a TCP stream into messages, each behind its length in two bytes (RFC 1035 §4.2.2). */
export function messages(each: (message: Uint8Array) => void, abort: () => void): (bytes: Uint8Array) => void {
  let pending = new Uint8Array(0)
  return bytes => {
    const all = new Uint8Array(pending.length + bytes.length)
    all.set(pending)
    all.set(bytes, pending.length)
    pending = all
    while (pending.length >= 2) {
      const length = pending[0]! * 256 + pending[1]!
      if (length > maxQuestion) return abort()
      if (pending.length < 2 + length) return
      each(pending.subarray(2, 2 + length))
      pending = pending.subarray(2 + length)
    }
  }
}

/** @throws with `code` where an address cannot be had, with nothing left open. */
export async function startDnsServer(
  udp: Udp,
  tcp: Tcp,
  addresses: readonly Address[],
  first: Zone,
): Promise<DnsServer> {
  let zone = first
  const counters = { answered: 0, dropped: 0 }
  const open: { close(): void }[] = []

  const ask = (bytes: Uint8Array, from: Address): Uint8Array | null => {
    const source = parseAddress(from)
    const reply = source !== null && ours(zone, source) ? answerBytes(zone, bytes) : null
    if (reply) counters.answered++
    else counters.dropped++
    return reply
  }
  const close = () => {
    for (const socket of open) socket.close()
  }

  try {
    for (const address of addresses) {
      const socket = await udp.bind(address, dnsPort, (bytes, from) => {
        const reply = ask(bytes, from.host)
        if (reply) socket.send(reply, from)
      })
      open.push(socket)
      const listener = await tcp.listen(address, dnsPort, tcpLimits, (conversation, from) =>
        messages(message => {
          const reply = ask(message, from)
          if (!reply) return conversation.close()
          conversation.write(Uint8Array.of(reply.length >> 8, reply.length & 0xff, ...reply))
        }, conversation.close),
      )
      open.push(listener)
    }
  } catch (error) {
    close()
    throw error
  }
  return {
    serve(next) {
      zone = next
    },
    close,
    counters,
  }
}
