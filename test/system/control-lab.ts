/** Two hosts with a tunnel between them, and programs on them that share WireGuard's port (control-peer.ts). */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Endpoint } from '../../src/base/ip.ts'
import type { ControlPortOptions } from '../../src/drivers/control/open.ts'
import type { Host, Lab, Program, Switch } from '../lab/lab.ts'

export const port = 51820
export const node = process.execPath
const program = join(import.meta.dirname, 'control-peer.ts')

export type Answers = { sent: number; answered: number; p50: number; p99: number; seen: string[] }
export type Race = { seconds: number; lost: number; p50: number; p99: number }
export type Counters = { received: number; sent: number; dropped: Record<string, number> }

/** A running control-peer.ts. */
export class Peer {
  readonly program: Program
  readonly #lines: AsyncIterator<string>
  backend = ''

  private constructor(program: Program) {
    this.program = program
    this.#lines = createInterface({ input: program.child.stdout! })[Symbol.asyncIterator]()
  }

  static async start(host: Host, options: Partial<ControlPortOptions> = {}): Promise<Peer> {
    const all = { listenPort: port, capture: 'auto', owner: 'wireguard', ...options }
    const peer = new Peer(host.spawn([node, program, JSON.stringify(all)]))
    const { backend } = (await peer.#answer()) as { backend: string }
    peer.backend = backend
    return peer
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`control-peer ended: ${this.program.err}`)
    return JSON.parse(value)
  }

  async #command(command: unknown): Promise<unknown> {
    this.program.child.stdin!.write(`${JSON.stringify(command)}\n`)
    return await this.#answer()
  }

  ask(to: Endpoint, options: { count?: number; every?: number } = {}): Promise<Answers> {
    return this.#command({ ask: to, ...options }) as Promise<Answers>
  }

  race(to: Endpoint, count: number, window: number): Promise<Race> {
    return this.#command({ race: to, count, window }) as Promise<Race>
  }

  /** Does a request from another port than W bring an answer? */
  async knock(to: Endpoint): Promise<boolean> {
    const { answered } = (await this.#command({ knock: to })) as { answered: number }
    return answered === 1
  }

  counters(): Promise<Counters> {
    return this.#command({ counters: true }) as Promise<Counters>
  }

  async branches(count: number): Promise<number[]> {
    return ((await this.#command({ branches: count })) as { ports: number[] }).ports
  }

  /** What came to branches after one request from each. */
  async spray(to: Endpoint): Promise<{ port: number; seen: string; byte: number }[]> {
    return ((await this.#command({ spray: to })) as { heard: { port: number; seen: string; byte: number }[] }).heard
  }

  bind(to: Endpoint, branch: number | null): Promise<{ bound?: true; problem?: string }> {
    return this.#command({ bind: to, branch }) as Promise<{ bound?: true; problem?: string }>
  }

  async closeBranches(): Promise<{ files: number }> {
    return (await this.#command({ closeBranches: true })) as { files: number }
  }

  /** Closes the port, and waits until the program has ended by itself. */
  async close(): Promise<void> {
    await this.#command({ close: true })
    const { code, err } = await this.program.ended
    assert.equal(code, 0, err)
  }
}

export type End = { readonly host: Host; readonly addresses: { readonly 4: string; readonly 6: string } }

export async function addEnd(lab: Lab, lan: Switch, name: string, number: number): Promise<End> {
  const host = await lab.host(name)
  const addresses = { 4: `192.0.2.${number}`, 6: `2001:db8::${number}` }
  await lab.link(host, lan, { addresses: [`${addresses[4]}/24`, `${addresses[6]}/64`] })
  return { host, addresses }
}

/** Two hosts, 10.0.42.1 and 10.0.42.2 in the tunnel; WireGuard is the kernel's where that has it. */
export async function createTunnel(lab: Lab): Promise<[End, End]> {
  const lan = await lab.switch('lan')
  const ends = [await addEnd(lab, lan, 'a', 1), await addEnd(lab, lan, 'b', 2)] as [End, End]
  await connect(ends)
  return ends
}

/** WireGuard on both, each with the other as its peer. */
export async function connect(ends: readonly [End, End]): Promise<void> {
  const keys: string[] = []
  for (const [i, { host }] of ends.entries()) {
    const { code } = await host.run(['ip', 'link', 'add', 'wg0', 'type', 'wireguard'])
    if (code !== 0) await host.ok(['wireguard-go', 'wg0'])
    const key = await host.ok(['wg', 'genkey'])
    await host.ok(['wg', 'set', 'wg0', 'listen-port', String(port), 'private-key', '/dev/stdin'], { input: key })
    await host.ip([`address add 10.0.42.${i + 1}/24 dev wg0`, 'link set dev wg0 up'])
    keys.push((await host.ok(['wg', 'pubkey'], { input: key })).trim())
  }
  for (const [i, { host }] of ends.entries()) {
    const other = 1 - i
    const peer = ['peer', keys[other]!, 'allowed-ips', `10.0.42.${other + 1}/32`]
    await host.ok(['wg', 'set', 'wg0', ...peer, 'endpoint', `${ends[other]!.addresses[4]}:${port}`])
  }
}

/** A machine's own stateful firewall, in both families. */
export async function firewall(host: Host, accept = ''): Promise<void> {
  await host.ok(['nft', '-f', '-'], {
    input: `
table inet fw
delete table inet fw
table inet fw {
  chain input {
    type filter hook input priority 0; policy drop;
    iifname { "lo", "wg0" } accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    ${accept}
  }
}
`,
  })
}

/** Counts control packets that come in with a hop limit of 65, and with others. */
export async function watchHopLimits(host: Host): Promise<() => Promise<{ right: number; wrong: number }>> {
  const control = `udp sport ${port} @th,64,8 0xff`
  await host.ok(['nft', '-f', '-'], {
    input: `
table inet watch {
  chain in {
    type filter hook prerouting priority -400;
    ${control} ip ttl 65 counter comment "right"
    ${control} ip6 hoplimit 65 counter comment "right"
    ${control} ip ttl != 65 counter comment "wrong"
    ${control} ip6 hoplimit != 65 counter comment "wrong"
  }
}
`,
  })
  return async () => {
    const count = { right: 0, wrong: 0 }
    for (const [, packets, which] of (await host.ok(['nft', 'list', 'table', 'inet', 'watch'])).matchAll(
      /counter packets (\d+) bytes \d+ comment "(\w+)"/g,
    )) {
      count[which as 'right' | 'wrong'] += Number(packets)
    }
    return count
  }
}

/** What a control port could leave: tables, processes, sockets. */
export async function traces(host: Host): Promise<string> {
  const tables = await host.ok(['sh', '-c', 'nft list tables | grep wh_ || true'])
  const processes = await host.ok(['sh', '-c', 'ps -C nft -o stat=,args= | grep -v ^Z || true'])
  const sockets = await host.ok(['sh', '-c', 'ss -Hnlp --udp --raw --packet | grep MainThread || true'])
  return tables + processes + sockets
}
