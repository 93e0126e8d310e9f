/**
 * Packets as a tap on all interfaces gives them: Linux's "cooked" link header, IP, UDP. They come from the wire, so nothing in
 * them is trusted; checksums are not looked at, because a network card or a pair of virtual ones may not have computed them yet.
 *
 *    0        2         4           6               14         16
 *    | type   | ARPHRD  | length of | link address  | protocol | IP header …
 *    |        |         | address   |               |          |
 *
 * https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html, RFC 791 §3.1, RFC 8200 §3, RFC 768.
 */

import { addressOf, type Endpoint } from '../base/ip.ts'

export type Datagram = { readonly payload: Uint8Array; readonly from: Endpoint; readonly port: number }
export type Problem = 'malformed' | 'fragment' | 'truncated'

const linkHeader = 16
const udpHeader = 8
const udp = 17
const ipv6Fragment = 44

/** The UDP datagram in a packet. Its payload is a view of `packet`. IPv6 extension headers are not followed. */
export function readCooked(packet: Uint8Array): Datagram | Problem {
  if (packet.length < linkHeader) return 'malformed'
  const protocol = uint16(packet, 14)
  const ip = packet.subarray(linkHeader)
  if (protocol === 0x0800) return readIPv4(ip)
  if (protocol === 0x86dd) return readIPv6(ip)
  return 'malformed'
}

function readIPv4(ip: Uint8Array): Datagram | Problem {
  if (ip.length < 20 || ip[0]! >> 4 !== 4) return 'malformed'
  const header = (ip[0]! & 15) * 4
  if (header < 20 || ip[9] !== udp) return 'malformed'
  // more fragments, or an offset
  if ((uint16(ip, 6) & 0x3fff) !== 0) return 'fragment'
  return readUdp(ip, header, uint16(ip, 2) - header, ip.subarray(12, 16))
}

function readIPv6(ip: Uint8Array): Datagram | Problem {
  if (ip.length < 40 || ip[0]! >> 4 !== 6) return 'malformed'
  if (ip[6] === ipv6Fragment) return 'fragment'
  if (ip[6] !== udp) return 'malformed'
  return readUdp(ip, 40, uint16(ip, 4), ip.subarray(8, 24))
}

/** @param space bytes behind the IP header, as that says */
function readUdp(ip: Uint8Array, start: number, space: number, source: Uint8Array): Datagram | Problem {
  if (space < udpHeader) return 'malformed'
  if (ip.length < start + udpHeader) return 'truncated'
  const length = uint16(ip, start + 4)
  if (length < udpHeader || length > space) return 'malformed'
  if (ip.length < start + length) return 'truncated'
  return {
    payload: ip.subarray(start + udpHeader, start + length),
    from: { host: addressOf(source), port: uint16(ip, start) },
    port: uint16(ip, start + 2),
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 256 + bytes[at + 1]!
}
