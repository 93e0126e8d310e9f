/**
 * `ip` and `wg` of a simulated machine: what `drivers/wireguard` runs, carried out on the model of WireGuard and printed as the real ones
 * print it. Other programs are not installed.
 */

import { formatEndpoint, parseEndpoint } from '../base/ip.ts'
import { second, type Time } from '../base/time.ts'
import type { Clock } from '../os/clock.ts'
import type { Programs, Result } from '../os/run.ts'
import { type PublicKey, toWgForm } from '../protocol/identity/key.ts'
import type { Wireguard } from './wireguard.ts'

/** What one run of a program takes, ms: measured 4 to 16. */
const runTime: Time = 5

type Interface = {
  readonly name: string
  alias: string
  mtu: number
  up: boolean
  port: number
  readonly addresses: string[]
  wireguard: Wireguard | null
}

/** @param create makes the interface's WireGuard, when it gets its key */
export function simulatedPrograms(clock: Clock, create: () => Wireguard): Programs {
  const machine = new Interfaces(create)
  return {
    find: name => (name === 'ip' || name === 'wg' ? `/usr/bin/${name}` : null),
    run(argv, { input = '' } = {}) {
      return new Promise<Result>(resolve => {
        clock.at(clock.now() + runTime, () => {
          const out = machine.run(argv, input)
          resolve({ code: out === null ? 1 : 0, out: out ?? '', err: out === null ? `cannot ${argv.join(' ')}` : '' })
        })
      })
    },
    start: () => ({ write() {}, stop: async () => {}, ended: Promise.resolve(127) }),
  }
}

class Interfaces {
  readonly #create: () => Wireguard
  #interface: Interface | null = null

  constructor(create: () => Wireguard) {
    this.#create = create
  }

  /** @returns what it prints; `null` where it fails */
  run(argv: readonly string[], input: string): string | null {
    const words = argv.filter(word => !word.startsWith('-'))
    const [program, object, verb] = words
    if (program === 'ip' && object === 'link' && verb === 'add') return this.#add(words[4]!)
    const own = this.#interface
    if (program === 'ip' && verb === 'show') return own || words.length === 3 ? this.#show() : null
    if (!own) return null
    if (program === 'ip' && object === 'link' && verb === 'set') return set(own, words.slice(5))
    if (program === 'ip' && object === 'link' && verb === 'delete') return this.#delete()
    if (program === 'ip' && object === 'address') return address(own, verb!, words[3]!)
    if (program === 'wg' && object === 'show') return this.#dump(own)
    if (program === 'wg' && object === 'set') return this.#set(own, argv.slice(3))
    if (program === 'wg' && object === 'addconf') return this.#configure(own, input)
    return null
  }

  #add(name: string): string {
    this.#interface = { name, alias: '', mtu: 1420, up: false, port: 0, addresses: [], wireguard: null }
    return ''
  }

  #delete(): string {
    this.#interface?.wireguard?.close()
    this.#interface = null
    return ''
  }

  #show(): string {
    const own = this.#interface
    if (!own) return '[]'
    const addresses = own.addresses.map(text => {
      const [local, length] = text.split('/')
      return { local, prefixlen: Number(length), scope: 'global' }
    })
    const { name, alias, mtu, up } = own
    return JSON.stringify([
      {
        ...{ ifname: name, ifalias: alias, mtu, flags: up ? ['UP'] : [], addr_info: addresses },
        linkinfo: { info_kind: 'wireguard' },
      },
    ])
  }

  #dump({ wireguard, port }: Interface): string {
    const own = wireguard ? toWgForm(wireguard.publicKey) : '(none)'
    const lines = (wireguard?.peers() ?? []).map(peer =>
      [
        ...[toWgForm(peer.key), '(none)', peer.endpoint ? formatEndpoint(peer.endpoint) : '(none)'],
        ...[peer.allowedIps.join(',') || '(none)', (peer.latestHandshake ?? 0) / second, peer.received, peer.sent],
        peer.keepalive === 0 ? 'off' : peer.keepalive,
      ].join('\t'),
    )
    return `${[`(none)\t${own}\t${port}\toff`, ...lines].join('\n')}\n`
  }

  /** `peer KEY remove peer KEY endpoint … allowed-ips … persistent-keepalive …` */
  #set({ wireguard }: Interface, words: readonly string[]): string | null {
    if (!wireguard) return null
    let key: PublicKey | undefined
    for (let at = 0; at < words.length; at++) {
      if (words[at] === 'peer') key = keyOf(words[++at]!)
      else if (key && words[at] === 'remove') wireguard.removePeer(key)
      else if (key) change(wireguard, key, words[at]!, words[++at]!)
      else return null
    }
    return ''
  }

  #configure(own: Interface, text: string): string | null {
    let key: PublicKey | undefined
    for (const line of text.split('\n')) {
      const [name, value] = line.split(' = ')
      if (value === undefined) continue
      if (name === 'PrivateKey') own.wireguard = this.#create()
      else if (name === 'ListenPort') own.port = Number(value)
      else if (name === 'PublicKey') key = keyOf(value)
      else if (own.wireguard && key) change(own.wireguard, key, named[name!] ?? name!, value)
    }
    return ''
  }
}

/** Words of the file and of the command line. */
const named: Record<string, string> = {
  AllowedIPs: 'allowed-ips',
  Endpoint: 'endpoint',
  PersistentKeepalive: 'persistent-keepalive',
}

/** What the driver wrote needs no check, which would cost curve arithmetic. */
const keyOf = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_').replace('=', '') as PublicKey

function change(wireguard: Wireguard, key: PublicKey, word: string, value: string): void {
  const peer = wireguard.addPeer(key)
  if (word === 'endpoint') peer.endpoint = parseEndpoint(value) ?? undefined
  else if (word === 'allowed-ips') peer.allowedIps = value.split(/, ?/)
  else if (word === 'persistent-keepalive') peer.setKeepalive(value === 'off' ? 0 : Number(value))
}

function set(own: Interface, words: readonly string[]): string {
  for (let at = 0; at < words.length; at++) {
    if (words[at] === 'alias') own.alias = words[++at]!
    else if (words[at] === 'mtu') own.mtu = Number(words[++at])
    else if (words[at] === 'up') own.up = true
  }
  return ''
}

function address(own: Interface, verb: string, text: string): string {
  const at = own.addresses.indexOf(text)
  if (verb === 'add' && at < 0) own.addresses.push(text)
  if (verb === 'delete' && at >= 0) own.addresses.splice(at, 1)
  return ''
}
