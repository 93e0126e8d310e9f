/**
 * UDP datagrams from a port that somebody else has: raw sockets, through libc, which `koffi` calls. The kernel makes the IP header, so
 * routing, conntrack and NAT treat them as they treat the port owner's own. Nothing can be received here: a filter that takes no
 * packet keeps the copies away that raw sockets get of all UDP.
 *
 * IPv6 has its checksum made by the kernel (RFC 3542 §3.1). For IPv4 we compute it (RFC 768), which takes the source address. A
 * connected UDP socket that never sends tells which one the kernel takes, for each datagram anew: that costs 2 µs, and what is
 * remembered would be wrong after each change of address. (No checksum is legal, and nftables makes it wrong where it changes a port.)
 */

import { endianness } from 'node:os'
import { addressBytes, type Endpoint, parseAddress } from '../base/ip.ts'

export type RawUdp = {
  /** Whether the kernel took it. Never throws. */
  send(bytes: Uint8Array, to: Endpoint): boolean
  close(): void
}

export interface Raw {
  /**
   * @param port the source port
   * @throws with a message for a person: koffi missing, not permitted
   */
  open(port: number, hopLimit: number): Promise<RawUdp>
}

// Linux, the same on x86-64 and arm64
const AF_UNSPEC = 0
const AF_INET = 2
const AF_INET6 = 10
const SOCK_DGRAM = 2
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const IPPROTO_IP = 0
const IP_TTL = 2
const IPPROTO_UDP = 17
const IPPROTO_IPV6 = 41
const IPV6_CHECKSUM = 7
const IPV6_UNICAST_HOPS = 16
const SOL_SOCKET = 1
const SO_RCVBUF = 8
const SO_ATTACH_FILTER = 26
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const BPF_RET = 0x06

const udpHeader = 8
/** Where the checksum stands in the UDP header. */
const checksumAt = 6

export const systemRaw: Raw = {
  async open(port, hopLimit) {
    const libc = await loadLibc()
    const open: number[] = []
    const close = () => {
      for (const fd of open.splice(0)) libc.close(fd)
    }
    const { ipv4, probe, ipv6 } = openSockets(libc, hopLimit, open, close)
    const addresses = new Destinations()
    const sendTo = (fd: number, packet: Uint8Array, address: Uint8Array) =>
      libc.sendto(fd, packet, packet.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length) === packet.length
    return {
      send(bytes, to) {
        const destination = open.length > 0 && to.port > 0 ? addresses.get(to.host) : null
        if (destination === null) return false
        const packet = udpPacket(port, to.port, bytes)
        if (destination.bytes.length === 16) return ipv6 !== null && sendTo(ipv6, packet, destination.socketAddress)
        const source = sourceFor(libc, probe, destination.socketAddress)
        if (!source) return false
        writeUint16(packet, checksumAt, udpChecksum(source, destination.bytes, packet))
        return sendTo(ipv4, packet, destination.socketAddress)
      },
      close,
    }
  },
}

type Libc = {
  socket(domain: number, type: number, protocol: number): number
  setInt(fd: number, level: number, name: number, value: number): void
  takeNothing(fd: number): void
  connect(fd: number, address: Uint8Array, length: number): number
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number
  sendto(fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array, size: number): number
  close(fd: number): number
}

let loaded: Libc | undefined

async function loadLibc(): Promise<Libc> {
  if (loaded) return loaded
  const { default: koffi } = await import('koffi').catch(error => {
    throw new Error(`the npm package koffi does not load (${(error as Error).message.split('\n')[0]})`)
  })
  const libc = koffi.load(null) // this process has it already
  const filter = koffi.struct({ code: 'uint16_t', jt: 'uint8_t', jf: 'uint8_t', k: 'uint32_t' })
  const program = koffi.struct({ len: 'uint16_t', filter: koffi.pointer(filter) })
  const setInt = libc.func('int setsockopt(int fd, int level, int name, const int32_t *value, uint32_t length)')
  const setFilter = libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(program), 'uint32_t'])
  const check = (result: number) => {
    if (result !== 0) throw new Error(`setsockopt on a raw socket failed: errno ${koffi.errno()}`)
  }
  loaded = {
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    setInt(fd, level, name, value) {
      check(setInt(fd, level, name, Int32Array.of(value), 4))
    },
    takeNothing(fd) {
      const nothing = { len: 1, filter: [{ code: BPF_RET, jt: 0, jf: 0, k: 0 }] }
      check(setFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, nothing, program.size))
    },
    connect: libc.func('int connect(int fd, const uint8_t *address, uint32_t length)'),
    getsockname: libc.func('int getsockname(int fd, uint8_t *address, uint32_t *length)'),
    sendto: libc.func(
      'long sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint32_t size)',
    ),
    close: libc.func('int close(int fd)'),
  }
  return loaded
}

type Sockets = {
  readonly ipv4: number
  /** Tells source addresses. */
  readonly probe: number
  /** `null` on a machine without IPv6. */
  readonly ipv6: number | null
}

/** @param open gets what was opened */
function openSockets(libc: Libc, hopLimit: number, open: number[], close: () => void): Sockets {
  const socket = (family: number, type: number, protocol: number) => {
    const fd = libc.socket(family, type | SOCK_CLOEXEC, protocol)
    if (fd < 0) throw new Error('raw sockets are not permitted here: they need CAP_NET_RAW')
    open.push(fd)
    return fd
  }
  const rawSocket = (family: number) => {
    const fd = socket(family, SOCK_RAW, IPPROTO_UDP)
    libc.takeNothing(fd)
    libc.setInt(fd, SOL_SOCKET, SO_RCVBUF, 0)
    return fd
  }
  const rawIPv6 = () => {
    const fd = rawSocket(AF_INET6)
    libc.setInt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hopLimit)
    libc.setInt(fd, IPPROTO_IPV6, IPV6_CHECKSUM, checksumAt)
    return fd
  }
  try {
    const ipv4 = rawSocket(AF_INET)
    libc.setInt(ipv4, IPPROTO_IP, IP_TTL, hopLimit)
    const probe = socket(AF_INET, SOCK_DGRAM, 0)
    try {
      return { ipv4, probe, ipv6: rawIPv6() }
    } catch {
      return { ipv4, probe, ipv6: null }
    }
  } catch (error) {
    close()
    throw error
  }
}

type Destination = { readonly bytes: Uint8Array; readonly socketAddress: Uint8Array }

/** The bytes of the addresses that were sent to lately: reading their text takes as long as sending does. */
class Destinations {
  readonly #known = new Map<string, Destination>()

  get(host: string): Destination | null {
    let destination = this.#known.get(host)
    if (destination) return destination
    const address = parseAddress(host)
    if (address === null) return null
    const bytes = addressBytes(address)
    destination = { bytes, socketAddress: socketAddress(bytes) }
    if (this.#known.size >= 256) this.#known.clear()
    this.#known.set(host, destination)
    return destination
  }
}

/** `sockaddr_in` or `sockaddr_in6`, with the family in the machine's byte order. Port 0: a raw socket knows none. */
function socketAddress(address: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(address.length === 4 ? 16 : 28)
  bytes[endianness() === 'LE' ? 0 : 1] = address.length === 4 ? AF_INET : AF_INET6
  bytes.set(address, address.length === 4 ? 4 : 8)
  return bytes
}

/** A connected socket keeps its source address, so it is disconnected first. */
const nowhere = new Uint8Array(16).fill(AF_UNSPEC)

/** The IPv4 address that the kernel sends from, or `null` where it has no route. */
function sourceFor(libc: Libc, probe: number, destination: Uint8Array): Uint8Array | null {
  const own = new Uint8Array(16)
  libc.connect(probe, nowhere, nowhere.length)
  if (libc.connect(probe, destination, destination.length) !== 0) return null
  if (libc.getsockname(probe, own, Uint32Array.of(own.length)) !== 0) return null
  return own.subarray(4, 8)
}

function udpPacket(from: number, to: number, payload: Uint8Array): Uint8Array {
  const packet = new Uint8Array(udpHeader + payload.length)
  writeUint16(packet, 0, from)
  writeUint16(packet, 2, to)
  writeUint16(packet, 4, packet.length)
  packet.set(payload, udpHeader)
  return packet
}

/** Over addresses, protocol, length and the packet, whose own checksum is 0 (RFC 768); a sum of 0 is written as 0xffff. */
export function udpChecksum(source: Uint8Array, destination: Uint8Array, packet: Uint8Array): number {
  let sum = IPPROTO_UDP + packet.length
  for (const bytes of [source, destination, packet]) {
    for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0)
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff || 0xffff
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 0xff
}
