/**
 * What `wg show NAME dump` and `ip -json -details address` print, read. The first line of a dump is the interface (private key,
 * public key, port, fwmark), each further one a peer (public key, preshared key, endpoint, allowed ips, handshake in seconds since
 * 1970, received, sent, keepalive), separated by tabs, `(none)` and `off` where there is nothing: wg(8).
 */

import type { Endpoint } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { ActualLink, ActualPeer } from './interface.ts'

const none = (text: string | undefined) => text === undefined || text === '(none)' || text === 'off'

/** `wg` never prints another form than this, and resolves names itself. */
function parseWgEndpoint(text: string): Endpoint {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}

/** The key of a peer or interface, unchecked: what `wg` prints is well-formed, and ours were checked when they went in. */
function key(text: string): PublicKey {
  return text.replaceAll('+', '-').replaceAll('/', '_').replace('=', '') as PublicKey
}

export function parseDump(text: string): { publicKey?: PublicKey; listenPort: number; peers: ActualPeer[] } {
  const [first = '', ...lines] = text.trimEnd().split('\n')
  const [, publicKey, port] = first.split('\t')
  const peers = lines.map((line): ActualPeer => {
    const [peerKey = '', , endpoint, allowed, handshake, received, sent, keepalive] = line.split('\t')
    return {
      key: key(peerKey),
      ...(none(endpoint) ? {} : { endpoint: parseWgEndpoint(endpoint!) }),
      allowedIps: none(allowed) ? [] : allowed!.split(','),
      ...(handshake === '0' ? {} : { latestHandshake: Number(handshake) * second }),
      received: Number(received),
      sent: Number(sent),
      keepalive: none(keepalive) ? 0 : Number(keepalive),
    }
  })
  return { ...(none(publicKey) ? {} : { publicKey: key(publicKey!) }), listenPort: Number(port ?? 0), peers }
}

type IpLink = {
  ifname: string
  ifalias?: string
  mtu: number
  flags: string[]
  linkinfo?: { info_kind?: string }
  addr_info?: { local: string; prefixlen: number; scope: string }[]
}

/** All links of `ip -json -details address show`. Link-local addresses are the kernel's own business and left out. */
export function parseLinks(text: string): ActualLink[] {
  const links = JSON.parse(text === '' ? '[]' : text) as Partial<IpLink>[]
  return links
    .filter((link): link is IpLink => link.ifname !== undefined)
    .map(link => ({
      name: link.ifname,
      owner: link.ifalias ?? '',
      kind: link.linkinfo?.info_kind ?? '',
      up: link.flags.includes('UP'),
      mtu: link.mtu,
      addresses: (link.addr_info ?? []).filter(a => a.scope !== 'link').map(a => `${a.local}/${a.prefixlen}`),
    }))
}
