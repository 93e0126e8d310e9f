/**
 * A tap on all interfaces, in front of every firewall: libpcap, through the npm package `pcap`, which is loaded when it is needed,
 * because a machine without libpcap-dev has none. The kernel picks the packets, so what is not asked for costs next to nothing.
 * It hears what the machine forwards, too, and fragments not at all. Nothing is withheld from whom the packets are for.
 */

import { createSocket } from 'node:dgram'
import { endianness } from 'node:os'
import type { Session } from 'pcap'
import type { Endpoint } from '../base/ip.ts'
import { readCooked } from './cooked.ts'

export type Tap = { close(): Promise<void> }

export type TapOptions = {
  /** UDP datagrams to this port, on whatever address, whose payload begins with this byte. */
  readonly port: number
  readonly firstByte: number
  /** The bytes are the callee's to keep. */
  readonly receive: (bytes: Uint8Array, from: Endpoint) => void
  /** Called for what matched and could not be read. */
  readonly onDrop?: (reason: string) => void
}

export interface Capture {
  /** @throws with a message for a person: not built, not permitted */
  open(options: TapOptions): Promise<Tap>
}

/** The longest packet that is read whole. Short, because each place of the ring is as long. */
const longest = 2048
const ring = 8 * 2 ** 20

/**
 * libuv still knows the handle of a closed session (the package never closes it), so its memory has to stay.
 */
const closedSessions: Session[] = []

/**
 * Device `any` is exact about `inbound`; without that our own packets to somebody's port W would be heard. `udp[8]` is for IPv4 only.
 */
export function filterOf(port: number, firstByte: number): string {
  const to = `udp dst port ${port}`
  return `inbound and ((ip and ${to} and udp[8]=${firstByte}) or (ip6 and ${to} and ip6[48]=${firstByte}))`
}

export const systemCapture: Capture = {
  async open({ port, firstByte, receive, onDrop = () => {} }) {
    const { default: pcap } = await import('pcap').catch(error => {
      throw new Error(`the npm package pcap is not there or was not built (${(error as Error).message.split('\n')[0]})`)
    })
    pcap.warningHandler = () => {} // `any` has no address
    const session = pcap.createSession('any', {
      filter: filterOf(port, firstByte),
      buffer_size: ring,
      snap_length: longest,
      buffer_timeout: 0,
      promiscuous: false,
    })
    const closed = Promise.withResolvers<void>()
    session.session.read_callback = () => {
      if (session.session.dispatch(session.buf, session.header) === -2) closed.resolve()
    }
    let open = true
    session.on('packet', ({ buf, header }) => {
      if (!open) return
      const datagram = readCooked(Uint8Array.prototype.slice.call(buf, 0, capturedLength(header)))
      if (typeof datagram === 'string') return onDrop(datagram)
      // what came before the filter was in place
      if (datagram.port !== port || datagram.payload[0] !== firstByte) return
      receive(datagram.payload, datagram.from)
    })
    const close = async () => {
      open = false
      closedSessions.push(session)
      session.close()
      await wake(port, firstByte, closed.promise)
    }
    if (session.link_type !== 'LINKTYPE_LINUX_SLL') {
      await close()
      throw new Error(`libpcap gives ${session.link_type} for all interfaces: this program reads LINKTYPE_LINUX_SLL`)
    }
    return { close }
  },
}

function capturedLength(header: Buffer): number {
  return endianness() === 'LE' ? header.readUInt32LE(8) : header.readUInt32BE(8)
}

/** A closed session ends with the next packet that it matches: so send it one, until it does. */
async function wake(port: number, firstByte: number, closed: Promise<void>): Promise<void> {
  const socket = createSocket('udp4')
  socket.on('error', () => {})
  const knock = () => socket.send(Uint8Array.of(firstByte), port, '127.0.0.1', () => {})
  knock()
  const again = setInterval(knock, 50)
  // where the loopback interface is down nothing gets through; the session then lasts as long as the process
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, 2_000)
  await Promise.race([closed, late.promise])
  clearInterval(again)
  clearTimeout(timer)
  socket.close()
}
