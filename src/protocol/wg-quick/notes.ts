/** What a person must know or do before an imported network works. */

import type { Word } from '../network/document.ts'
import { members } from '../network/members.ts'
import type { Report } from '../network/problem.ts'
import type { Network } from '../network/types.ts'
import { isSpoke } from './lost.ts'
import type { Peer, Tunnel } from './tunnel.ts'

/** Below this a stranger who floods the DHT with nodes has little to pay. */
const enoughWork = 8

export function addNotes(tunnel: Tunnel, network: Network, report: Report): void {
  const own = tunnel.privateKey.publicKey()
  addSelf(tunnel, own, report)
  if (isSpoke(tunnel)) {
    const message = 'a client: it names this peer, and not the other members'
    const hint = "import the file of that peer instead, which names all; or add each member's line to the result"
    report({ severity: 'warning', ...tunnel.peers[0]!.section.at, message, hint })
  }
  addEndpoints(tunnel, network, report)
  addAddresses(tunnel, network, report)
  if (network.workbit < enoughWork) {
    const { at } = placeOf(tunnel, 'PrivateKey')
    const message = `workbit ${network.workbit}: these keys were made without a proof of work, so strangers in the DHT need none either`
    const hint =
      'nobody becomes a member by that; to ask for work, give every member a key of `wh genkey workbit 16`, then write workbit 16'
    report({ severity: 'note', ...at, message, hint })
  }
}

/** A peer with this machine's own key, which WireGuard leaves out without a word. */
function addSelf({ peers }: Tunnel, own: string, report: Report): void {
  const self = peers.find(({ key }) => key === own)
  if (!self) return
  const message = 'this peer is left out: it has the key of this machine'
  report({ severity: 'warning', ...self.section.at, message, hint: 'if it is another machine, it needs its own key' })
}

function addEndpoints(tunnel: Tunnel, network: Network, report: Report): void {
  const [self, ...others] = network.nodes
  if (self!.endpoint) {
    const { port } = self!.endpoint
    if (!tunnel.listenPort || tunnel.listenPort === port) return
    const message = `ListenPort ${tunnel.listenPort} is not carried over: wh listens on ${port}, the port of the endpoint`
    const hint = 'if the two differ on purpose, on this machine: `wh up FILE listen-port N`'
    report({ severity: 'note', ...placeOf(tunnel, 'ListenPort').value, message, hint })
    return
  }
  const hint = 'if it can be reached from outside, import again with `endpoint HOST`, its address or name there'
  if (!others.some(({ endpoint }) => endpoint)) {
    const message = 'no member has an endpoint: only those on one LAN will find each other'
    report({ severity: 'warning', ...tunnel.section.at, message, hint })
  } else if (tunnel.listenPort) {
    const message = `ListenPort ${tunnel.listenPort} is not carried over: the file does not say where this machine is`
    report({ severity: 'note', ...placeOf(tunnel, 'ListenPort').value, message, hint })
  }
}

/** Members whose address the file does not say get one by themselves. */
function addAddresses(tunnel: Tunnel, network: Network, report: Report): void {
  if (!network.subnet) {
    const message = 'the tunnel has no IPv4 addresses, so the network has no subnet'
    const hint = 'members have IPv6 addresses, which follow from their keys; for IPv4 write a subnet'
    report({ severity: 'note', ...tunnel.section.at, message, hint })
    return
  }
  const all = members(network)
  network.nodes.forEach(({ key, address, hostname }, index) => {
    if (address) return
    const { at } = tunnel.peers.find((peer: Peer) => peer.key === key)?.section ?? tunnel.section
    const message = `no address of ${hostname} in the subnet is known: it gets ${all[index]!.ipv4}`
    const hint = `if it has another, write it in the result: trust ${hostname} <ip> ${key}`
    report({ severity: 'warning', ...at, message, hint })
  })
}

function placeOf({ section }: Tunnel, key: string): { at: Word; value: Word } {
  return section.settings.find(setting => setting.key === key) ?? { at: section.at, value: section.at }
}
