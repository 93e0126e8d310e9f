/** What a wg-quick file says and a network file cannot: which line, and what to do instead. */

import { contains, overlaps, type Prefix } from '../../base/ip.ts'
import type { Word } from '../network/document.ts'
import type { Problem, Report } from '../network/problem.ts'
import { isSecret, type Section, type SettingKey } from './read.ts'
import type { Listed, Tunnel } from './tunnel.ts'

type Loss = Pick<Problem, 'severity' | 'message' | 'hint'>

const hook = (what: string): Loss => ({
  severity: 'warning',
  message: `${what} is not carried over: wh runs no commands`,
  hint: 'run it yourself after `wh up` or `wh down`, with the interface that `wh show` names for %i; under systemd by ExecStartPost or ExecStopPost',
})

const losses: { readonly [key in SettingKey]?: Loss } = {
  PresharedKey: {
    severity: 'warning',
    message: 'PresharedKey is not carried over: wh has no preshared keys',
    hint: 'the tunnel is as safe as any of WireGuard without one; who needs it against quantum computers keeps wg-quick',
  },
  DNS: {
    severity: 'warning',
    message: 'DNS is not carried over: wh gives the members names, and leaves other names to this machine',
    hint: "set this server where the machine's others are set, if it is still needed",
  },
  MTU: {
    severity: 'warning',
    message: 'MTU is not carried over: the interface of wh has 1420',
    hint: 'if large transfers hang: `ip link set dev INTERFACE mtu N`, after each `wh up`',
  },
  Table: {
    severity: 'warning',
    message: "Table is not carried over: the one route of wh is the subnet's, in the main table",
    hint: 'make rules and routes of your own after `wh up`',
  },
  FwMark: {
    severity: 'warning',
    message: 'FwMark is not carried over: packets of wh have no mark',
    hint: 'rules that look for the mark must look for the UDP port instead, which `wh show` names',
  },
  PreUp: hook('PreUp'),
  PostUp: hook('PostUp'),
  PreDown: hook('PreDown'),
  PostDown: hook('PostDown'),
  SaveConfig: {
    severity: 'note',
    message: 'SaveConfig is not carried over: wh never writes the network file',
    hint: 'nothing to do; where members are, wh remembers elsewhere',
  },
  PersistentKeepalive: {
    severity: 'note',
    message: 'PersistentKeepalive is not carried over: wh keeps paths open where a NAT needs it',
    hint: 'nothing to do',
  },
}

/** Values that say no more than their absence. */
const nothing: { readonly [key in SettingKey]?: RegExp } = {
  MTU: /^1420$/,
  Table: /^auto$/i,
  FwMark: /^(0|0x0+|off)$/i,
  SaveConfig: /^false$/i,
  PersistentKeepalive: /^(0|off)$/i,
}

/** Reports what is lost: once for each kind, with all its lines. */
export class Losses {
  readonly #found = new Map<string, { loss: Loss; places: (Word & { secret?: boolean })[] }>()

  add(loss: Loss, place: Word & { secret?: boolean }): void {
    const same = this.#found.get(loss.message)
    if (same) same.places.push(place)
    else this.#found.set(loss.message, { loss, places: [place] })
  }

  /** What the settings say that has no place in a network file. */
  addSettings({ settings }: Section): void {
    for (const setting of settings) {
      const { key, value, at } = setting
      const loss = losses[key]
      if (loss && !nothing[key]?.test(value.text)) {
        this.add(loss, value.length === 0 ? at : { ...value, secret: isSecret(setting) })
      }
    }
  }

  report(report: Report): void {
    for (const { loss, places } of this.#found.values()) {
      const [first, ...others] = places
      const lines = [...new Set(others.map(({ line }) => line))].filter(line => line !== first!.line)
      const also = lines.length === 0 ? '' : ` (also on line${lines.length > 1 ? 's' : ''} ${lines.join(', ')})`
      report({ ...loss, ...first!, message: `${loss.message}${also}` })
    }
  }
}

const overlayIPv6: Loss = {
  severity: 'warning',
  message: 'IPv6 addresses of the tunnel are not carried over: with wh they follow from the keys',
  hint: '`wh check` shows the new ones; use names instead',
}
const exitNode: Loss = {
  severity: 'warning',
  message: 'the way to the Internet through this peer is not carried over: wh has no exit nodes',
  hint: 'the Internet is reached as without a tunnel; or keep this tunnel beside wh, on another subnet and port',
}
const wholeSubnet: Loss = {
  severity: 'note',
  message: 'the way to all others through this peer is not needed: with wh each member is reached by itself',
  hint: 'nothing to do, but each of them needs a line of its own in the network file',
}

/** Where the addresses of a peer go that do not become its address in the subnet. */
export function addressLoss({ at, prefix }: Listed, subnet: Prefix | undefined, { addresses }: Tunnel): Loss {
  if (prefix.length === 0) return exitNode
  const ofTunnel = addresses.some(own => contains(prefix, own.address) || overlaps(own.prefix, prefix))
  if (prefix.family === 6 && (prefix.length === 128 || ofTunnel)) return overlayIPv6
  if (subnet && prefix.length < 32 && overlaps(subnet, prefix) && prefix.length >= subnet.length) return wholeSubnet
  const host = prefix.family === 4 && prefix.length === 32
  if (host && subnet && contains(subnet, prefix.address)) {
    const hint = 'use the one in the result, or the name; or write this one there instead'
    const message = `${at.text} is not carried over: a member has one address, and one that no other has`
    return { severity: 'warning', message, hint }
  }
  const message = `the route to ${at.text} is not carried over: wh reaches members, and nothing behind them`
  const hint = 'make the machines there members, or keep this tunnel beside wh, on another subnet and port'
  return { severity: 'warning', message, hint }
}

/** An address of this machine that is not its address in the subnet. */
export function ownAddressLoss({ at, prefix }: Listed): Loss {
  if (prefix.family === 6) return overlayIPv6
  const hint = 'use the one in the result, or the name'
  return { severity: 'warning', message: `${at.text} is not carried over: a member has one address`, hint }
}

/** A client that knows the others only through its one peer. */
export function isSpoke({ peers, addresses }: Tunnel): boolean {
  const [hub, second] = peers
  if (!hub || second) return false
  return hub.allowed.some(({ prefix }) => prefix.length < 31 && addresses.some(own => contains(prefix, own.address)))
}
