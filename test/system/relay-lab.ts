/** Two homes, and between them a machine that relays (relay-server.ts) and does nothing else: it does not forward, and lets in W alone. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Endpoint } from '../../src/base/ip.ts'
import type { RelayOptions } from '../../src/drivers/relay/open.ts'
import type { Leg, LegKey } from '../../src/drivers/relay/relay.ts'
import type { Host, Lab, Program } from '../lab/lab.ts'
import type { Nat } from '../lab/nat/home.ts'
import { createInternet, type Internet, type Server } from '../lab/nat/internet.ts'

export const w = 51820
export const [pa, pb] = [61_001, 61_002]
const program = join(import.meta.dirname, 'relay-server.ts')

export type Counters = {
  legs: { leg: Leg; packets: number; bytes: number }[]
  all: number
  dropped: Record<string, number>
}

/** A running relay-server.ts. */
export class RelayServer {
  readonly program: Program
  readonly #lines: AsyncIterator<string>
  backend = ''

  private constructor(program: Program) {
    this.program = program
    this.#lines = createInterface({ input: program.child.stdout! })[Symbol.asyncIterator]()
  }

  static async start(host: Host, options: Partial<RelayOptions> = {}): Promise<RelayServer> {
    const all = { mode: 'auto', listenPort: w, bindsToListenPort: true, ...options }
    const server = new RelayServer(host.spawn([process.execPath, program, JSON.stringify(all)]))
    server.backend = (await server.#answer<{ backend: string }>()).backend
    return server
  }

  async #answer<T>(): Promise<T> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`relay-server ended: ${this.program.err}`)
    return JSON.parse(value)
  }

  async #command<T>(command: unknown): Promise<T> {
    this.program.child.stdin!.write(`${JSON.stringify(command)}\n`)
    return await this.#answer<T>()
  }

  async open(port: number): Promise<number> {
    return (await this.#command<{ port: number }>({ open: port })).port
  }

  async connect(legs: readonly Leg[]): Promise<number> {
    return (await this.#command<{ ms: number }>({ connect: legs })).ms
  }

  async disconnect(legs: readonly LegKey[]): Promise<number> {
    return (await this.#command<{ ms: number }>({ disconnect: legs })).ms
  }

  async pairs(count: number, to: [string, string]): Promise<number> {
    return (await this.#command<{ ms: number }>({ pairs: count, to })).ms
  }

  async unpair(count: number, to: [string, string]): Promise<number> {
    return (await this.#command<{ ms: number }>({ unpairs: count, to })).ms
  }

  async refresh(): Promise<number> {
    return (await this.#command<{ ms: number }>({ refresh: true })).ms
  }

  async leftover(): Promise<Leg[]> {
    return (await this.#command<{ legs: Leg[] }>({ leftover: true })).legs
  }

  /** What came for the relay itself since it was asked last, as `SOURCE PORT`. */
  async heard(): Promise<string[]> {
    return (await this.#command<{ heard: string[] }>({ heard: true })).heard
  }

  counters(): Promise<Counters> {
    return this.#command<Counters>({ counters: true })
  }

  /** Closes the relay, and waits until the program has ended by itself. */
  async close(leave = false): Promise<void> {
    await this.#command({ close: true, leave })
    const { code, err } = await this.program.ended
    assert.equal(code, 0, err)
  }

  /** As a crash. */
  async kill(): Promise<void> {
    this.program.kill('SIGKILL')
    await this.program.ended
  }
}

export type World = { readonly relay: Server; readonly a: Host; readonly b: Host; readonly internet: Internet }

export async function world(lab: Lab, nats: readonly [Nat, Nat], { ipv6 = false } = {}): Promise<World> {
  const internet = await createInternet(lab)
  const relay = await internet.server('relay')
  const homes = [
    await internet.home('a', { nat: nats[0], ipv6 }),
    await internet.home('b', { nat: nats[1], ipv6 }),
  ] as const
  return { relay, internet, a: homes[0].hosts[0], b: homes[1].hosts[0] }
}

/** Forwards nothing, and lets in answers and W. */
export async function closeRelayHost(host: Host, also = ''): Promise<void> {
  await host.ok(['nft', '-f', '-'], {
    input: `
table inet fw
delete table inet fw
table inet fw {
  chain input {
    type filter hook input priority 0; policy drop
    iifname "lo" accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    udp dport ${w} accept
    ${also}
  }
  chain forward { type filter hook forward priority 0; policy drop; }
}
`,
  })
}

/** Sends `bytes` from a port of `host` to an endpoint, and gives what comes back within a second: `HEX FROM-PORT`. */
export async function say(host: Host, from: number, to: Endpoint, bytes: readonly number[]): Promise<string> {
  const script = `const s = require('dgram').createSocket(${JSON.stringify(to.host.includes(':') ? 'udp6' : 'udp4')})
    s.on('message', (bytes, from) => { console.log(bytes.toString('hex') + ' ' + from.port); process.exit() })
    s.bind(${from}, () => s.send(Buffer.from(${JSON.stringify(bytes)}), ${to.port}, '${to.host}'))
    setTimeout(() => process.exit(), 1000)`
  return (await host.ok([process.execPath, '-e', script])).trim()
}

const parse = (text: string): Endpoint => {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(text)!
  return { host: host!, port: Number(port) }
}

/** `host` says to the relay that it wants to be heard at `port`, as a BIND does. @returns from where the relay has heard it, and at which port */
export async function bind(host: Host, server: RelayServer, relay: string, port: number) {
  await server.heard()
  const answer = await say(host, w, { host: relay, port }, [0xff, 4, port >> 8, port & 255])
  assert.equal(answer, `ff0109 ${port}`, 'answered from the port that it was sent to')
  const [source, at] = (await server.heard())[0]!.split(' ')
  return { source: parse(source!), at: Number(at) }
}

export const pairOf = (a: Endpoint, b: Endpoint): Leg[] => [
  { from: a, at: pb, to: b, via: pa },
  { from: b, at: pa, to: a, via: pb },
]

/** WireGuard on both, each with the relay's port of the other as its endpoint. */
export async function tunnel({ a, b }: World, relay: { a: string; b: string }): Promise<void> {
  const keys: string[] = []
  for (const [i, host] of [a, b].entries()) {
    const { code } = await host.run(['ip', 'link', 'add', 'wg0', 'type', 'wireguard'])
    if (code !== 0) await host.ok(['wireguard-go', 'wg0'])
    const key = await host.ok(['wg', 'genkey'])
    await host.ok(['wg', 'set', 'wg0', 'listen-port', String(w), 'private-key', '/dev/stdin'], { input: key })
    await host.ip([`address add 10.0.42.${i + 1}/24 dev wg0`, 'link set dev wg0 up'])
    // what comes out of the tunnel
    await host.run(['nft', 'add', 'rule', 'inet', 'fw', 'input', 'iifname', 'wg0', 'accept'])
    keys.push((await host.ok(['wg', 'pubkey'], { input: key })).trim())
  }
  const endpoint = (host: string, port: number) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)
  await setPeer(a, keys[1]!, '10.0.42.2/32', endpoint(relay.a, pb))
  await setPeer(b, keys[0]!, '10.0.42.1/32', endpoint(relay.b, pa))
}

async function setPeer(host: Host, key: string, allowed: string, endpoint: string): Promise<void> {
  await host.ok(['wg', 'set', 'wg0', 'peer', key, 'allowed-ips', allowed, 'endpoint', endpoint])
}

/** Megabits per second through the tunnel, from a to b. @param to the address of b in it */
export async function throughput({ a, b }: Pick<World, 'a' | 'b'>, seconds = 2, to = '10.0.42.2'): Promise<number> {
  const server = b.spawn(['iperf3', '-s', '-1', '--forceflush'])
  await server.says(/Server listening/)
  const { end } = JSON.parse(await a.ok(['iperf3', '-c', to, '-t', String(seconds), '-J']))
  await server.ended
  return end.sum_received.bits_per_second / 1e6
}
