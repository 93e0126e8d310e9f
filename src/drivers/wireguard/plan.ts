/**
 * From what an interface is to what it shall be: the commands, and nothing else. Pure; `wanted = null` removes.
 *
 * A peer's endpoint belongs to two: the file says where to start, and WireGuard follows the peer when it moves. So the file's
 * word is set where the kernel has no endpoint, where the file itself changed, and where the peer is silent; a peer with a
 * living session is left alone. What the path machine has chosen, or the doorbell of an idle peer, stands in the file's place.
 */

import { type Endpoint, formatEndpoint, sameEndpoint } from '../../base/ip.ts'
import { second, type WallTime } from '../../base/time.ts'
import { type PublicKey, toWgForm } from '../../protocol/identity/key.ts'
import { isDoorbell } from '../doorbell/doorbell.ts'
import type { ActualInterface, ActualPeer, WantedInterface, WantedPeer } from './interface.ts'

/** One command. `secret` says that `input` must not be shown. */
export type Step = { readonly argv: readonly string[]; readonly input?: string; readonly secret?: true }

/** WireGuard's REJECT_AFTER_TIME (whitepaper §6.1): without a handshake for longer, no session is alive. */
export const rejectAfter = 180 * second

/** `wg set … remove` names peers in its arguments; the kernel takes at least 128 KiB of them. */
const removalsPerCommand = 500

/** What was last given to the kernel as a peer's endpoint: tells a changed file from a peer that moved. */
export type Given = ReadonlyMap<PublicKey, string>

export function createKernel(wanted: WantedInterface): Step[] {
  return [{ argv: ['ip', 'link', 'add', 'dev', wanted.name, 'type', 'wireguard'] }]
}

export function remove(name: string): Step[] {
  return [{ argv: ['ip', 'link', 'delete', 'dev', name] }]
}

/**
 * Points one peer elsewhere.
 *
 * @param anew the peer is removed and made again, which costs it the packets that wait for a session. WireGuard tries a handshake only
 *   every 5 s (REKEY_TIMEOUT), and an attempt towards an endpoint that was wrong or unknown counts: the right one would have to wait
 */
export function setEndpoint(name: string, peer: WantedPeer & { endpoint: Endpoint }, anew: boolean): Step[] {
  const key = ['peer', toWgForm(peer.key)]
  const endpoint = ['endpoint', formatEndpoint(peer.endpoint)]
  const keepalive = keepaliveArguments(peer.keepalive)
  if (!anew) return [{ argv: ['wg', 'set', name, ...key, ...endpoint, ...keepalive] }]
  const all = [...key, 'remove', ...key, ...endpoint, 'allowed-ips', peer.allowedIps.join(','), ...keepalive]
  return [{ argv: ['wg', 'set', name, ...all] }]
}

/** Only the peer's keepalive. */
export function setKeepalive(name: string, key: PublicKey, seconds: number): Step[] {
  return [{ argv: ['wg', 'set', name, 'peer', toWgForm(key), ...keepaliveArguments(seconds)] }]
}

const keepaliveArguments = (seconds: number) => ['persistent-keepalive', seconds === 0 ? 'off' : String(seconds)]

/** Has a peer a session, going by when its last handshake was? */
export function isAlive(peer: ActualPeer | undefined, now: WallTime): boolean {
  return peer?.latestHandshake !== undefined && now - peer.latestHandshake < rejectAfter
}

/** What `wanted` looks like before anything was done to it. */
export function bare(name: string): ActualInterface {
  return { name, owner: '', kind: '', up: false, mtu: 0, addresses: [], listenPort: 0, peers: [] }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && [...a].sort().join() === [...b].sort().join()
}

function peerSection(peer: WantedPeer, endpoint: boolean): string {
  let text = `[Peer]\nPublicKey = ${toWgForm(peer.key)}\nAllowedIPs = ${peer.allowedIps.join(', ')}\n`
  if (endpoint && peer.endpoint) text += `Endpoint = ${formatEndpoint(peer.endpoint)}\n`
  text += `PersistentKeepalive = ${peer.keepalive || 'off'}\n`
  return text
}

function peerSections(wanted: WantedInterface, actual: ActualInterface, given: Given, now: WallTime): string[] {
  const there = new Map(actual.peers.map(peer => [peer.key, peer]))
  const sections: string[] = []
  for (const peer of wanted.peers) {
    const is = there.get(peer.key)
    const alive = isAlive(is, now)
    const before = given.get(peer.key)
    const changed = before !== undefined && peer.endpoint !== undefined && before !== formatEndpoint(peer.endpoint)
    // a doorbell is for who has no session: the packets of one would end there
    const fileChanged = changed && !isDoorbell(peer.endpoint)
    const setEndpoint =
      peer.endpoint !== undefined && !sameEndpoint(is?.endpoint, peer.endpoint) && (!alive || fileChanged)
    if (!is || setEndpoint || is.keepalive !== peer.keepalive || !sameSet(is.allowedIps, peer.allowedIps)) {
      sections.push(peerSection(peer, setEndpoint))
    }
  }
  return sections
}

/** The steps from `actual` to `wanted`; none where nothing differs. Tunnels that stay are not touched. */
export function configure(wanted: WantedInterface, actual: ActualInterface, given: Given, now: WallTime): Step[] {
  const { name } = wanted
  const steps: Step[] = []
  const keep = new Set(wanted.peers.map(peer => peer.key))
  const gone = actual.peers.filter(peer => !keep.has(peer.key))

  if (actual.owner !== wanted.owner) steps.push({ argv: ['ip', 'link', 'set', 'dev', name, 'alias', wanted.owner] })

  // removals first: an address that moves from one peer to another must be free when it arrives
  for (let at = 0; at < gone.length; at += removalsPerCommand) {
    const peers = gone.slice(at, at + removalsPerCommand).flatMap(peer => ['peer', toWgForm(peer.key), 'remove'])
    steps.push({ argv: ['wg', 'set', name, ...peers] })
  }

  const newKey = actual.publicKey !== wanted.privateKey.publicKey()
  const sections: string[] = []
  if (newKey || actual.listenPort !== wanted.listenPort) {
    let text = '[Interface]\n'
    if (newKey) text += `PrivateKey = ${wanted.privateKey.reveal()}\n`
    if (actual.listenPort !== wanted.listenPort) text += `ListenPort = ${wanted.listenPort}\n`
    sections.push(text)
  }
  sections.push(...peerSections(wanted, actual, given, now))
  if (sections.length > 0) {
    const step: Step = { argv: ['wg', 'addconf', name, '/dev/stdin'], input: sections.join('\n') }
    steps.push(newKey ? { ...step, secret: true } : step)
  }

  // once: a person who sets another one later has a reason
  if (actual.owner !== wanted.owner && actual.mtu !== wanted.mtu)
    steps.push({ argv: ['ip', 'link', 'set', 'dev', name, 'mtu', String(wanted.mtu)] })
  if (!actual.up) steps.push({ argv: ['ip', 'link', 'set', 'dev', name, 'up'] })

  for (const address of actual.addresses) {
    if (!wanted.addresses.includes(address)) steps.push({ argv: ['ip', 'address', 'delete', address, 'dev', name] })
  }
  for (const address of wanted.addresses) {
    if (actual.addresses.includes(address)) continue
    // duplicate address detection asks neighbours, and a tunnel has none
    const nodad = address.includes(':') ? ['nodad'] : []
    steps.push({ argv: ['ip', 'address', 'add', address, 'dev', name, ...nodad] })
  }
  return steps
}

/** A step as a person would type it. */
export function formatStep(step: Step): string {
  const line = `[#] ${step.argv.join(' ')}`
  if (step.input === undefined) return line
  const shown = step.secret ? step.input.replace(/^(PrivateKey = ).*$/m, '$1(hidden)') : step.input
  return `${line} <<END\n${shown}END`
}
