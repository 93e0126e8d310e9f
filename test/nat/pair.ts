/**
 * Two members in homes of their own, and boot nodes: how long after `wh up` of the second the first answers its ping, on which way, and when
 * that is the way wanted.
 *
 * Warm: both were up before and know each other's record. Between two runs, routers and firewalls forget what they knew of the
 * pair, for that is what an hour does; what the first keeps alive with others, they keep.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, Lab } from '../lab/lab.ts'
import type { Home, HomeOptions, Nat } from '../lab/nat/home.ts'
import { createInternet, type Internet } from '../lab/nat/internet.ts'
import { bootPort } from '../system/discovery-net.ts'
import { bin, file, keyFile, wh, whOk } from '../system/mesh.ts'
import type { PairSpec } from './pairs.ts'
import { device, type Settled, settles, wayOf } from './way.ts'

const workbit = 8

export type Boot = { readonly host: Host; readonly key: string; readonly address: string }

export type Member = {
  readonly host: Host
  readonly home: Home
  readonly name: string
  readonly overlay: string
  readonly key: string
  /** Addresses under which the other can see it without a NAT between them. */
  readonly inside: readonly string[]
}

export type Connection = Omit<Start, 'startedAt'> & {
  /** From the start until both sides were on the way that the pair is to come to; `null`: they were not, within patience. */
  readonly settled: number | null
} & Omit<Settled, 'at'>

/** An internet with boot nodes that are up. Pairs come and go in it. */
export class Stage {
  readonly internet: Internet
  /** The hosts of the boot nodes, for whatever else is to run on a public server. */
  readonly servers: readonly [Boot, ...Boot[]]

  private constructor(internet: Internet, boots: readonly Boot[]) {
    this.internet = internet
    this.servers = boots as [Boot, ...Boot[]]
  }

  /** @param nets as of `createInternet` @param flags of `wh up` on the boot nodes @param prepare what is done to them before */
  static async build(
    lab: Lab,
    count = 2,
    nets?: readonly string[],
    { flags = [], prepare }: { flags?: readonly string[]; prepare?: (host: Host) => Promise<unknown> } = {},
  ): Promise<Stage> {
    const internet = await createInternet(lab, nets)
    const boots: Boot[] = []
    for (let i = 1; i <= count; i++) {
      const { host, address } = await internet.server(`r${i}`)
      boots.push({ host, address, key: await makeKey(host) })
    }
    const stage = new Stage(internet, boots)
    for (const { host } of boots) {
      await host.writeFile(file, stage.networkFile([]))
      await prepare?.(host)
      await whOk(host, 'up', file, ...flags)
    }
    return stage
  }

  /** Addresses of those that relay for anybody. */
  get relays(): string[] {
    return this.servers.map(({ address }) => address)
  }

  networkFile(members: readonly Member[]): string {
    return [
      ...['name test', 'subnet 10.0.42.0/24', `workbit ${workbit}`],
      ...this.servers.map(({ key, address }) => `boot ${key} ${address}:${bootPort}`),
      ...members.map(({ name, overlay, key }) => `trust ${name}.test ${overlay} ${key}`),
      '',
    ].join('\n')
  }

  /** @param extras what the router of the first's home, and of the second's, does besides */
  async pair(spec: PairSpec, extras: readonly Pick<HomeOptions, 'onRouter'>[] = []): Promise<Pair> {
    const { first, second, together = false, ipv6 = false, firewall = 'closed' } = spec
    const a = await this.internet.home('a', {
      nat: first,
      ipv6,
      firewall,
      ...(together ? { hosts: 2 } : {}),
      ...extras[0],
    })
    const b = together ? a : await this.internet.home('b', { nat: second, ipv6, firewall, ...extras[1] })
    const members = [
      await member('a', a, a.hosts[0], '10.0.42.1', together),
      await member('b', b, b.hosts[together ? 1 : 0]!, '10.0.42.2', together),
    ] as const
    await this.#hand(members)
    return new Pair(spec, members, this.relays)
  }

  /** Members `a`, `b`, …, each in a home of its own; nothing is up yet. */
  async members(nats: readonly Nat[]): Promise<Member[]> {
    const members: Member[] = []
    for (const [i, nat] of nats.entries()) {
      const name = String.fromCharCode(97 + i)
      const home = await this.internet.home(name, { nat })
      members.push(await member(name, home, home.hosts[0], `10.0.42.${1 + i}`, false))
    }
    await this.#hand(members)
    return members
  }

  async #hand(members: readonly Member[]): Promise<void> {
    for (const { host } of members) await host.writeFile(file, this.networkFile(members))
  }
}

async function member(name: string, home: Home, host: Host, overlay: string, together: boolean): Promise<Member> {
  const all = (await host.ok(['hostname', '-I'])).trim().split(' ')
  const inside = together ? all : all.filter(it => it.includes(':'))
  return { name, home, host, overlay, inside, key: await makeKey(host) }
}

async function makeKey(host: Host): Promise<string> {
  const secret = await host.ok([bin, 'genkey', 'workbit', String(workbit)])
  await host.writeFile(keyFile, secret, { mode: 0o600 })
  return (await host.ok([bin, 'pubkey'], { input: secret })).trim()
}

/** Prints `start`, `ready` and `reply`, each after the milliseconds since 1970. */
const startScript = `
start=$1; own=$2; peer=$3; patience=$4
now() { date +%s%3N; }
echo "$(now) start"
(eval "$start" >/dev/null 2>&1 && echo "$(now) ready") &
end=$(($(now) + patience * 1000))
# before the interface is there, ping finds nothing to send from
until ping -n -q -i 0.05 -c 1 -w "$patience" -I "$own" "$peer" >/dev/null 2>&1; do
  [ "$(now)" -lt "$end" ] || { wait; exit 0; }
  sleep 0.01
done
echo "$(now) reply"
wait`

export type Start = {
  readonly ready: number | null
  readonly reply: number | null
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

/**
 * Runs a command that starts a tunnel and returns, and pings through it: milliseconds until it returned, and to the first reply.
 * @param own the address that it gives this host, and `peer` the one to ping
 * @param patience milliseconds
 */
export async function startAndPing(
  host: Host,
  command: string,
  { own, peer, patience }: { own: string; peer: string; patience: number },
): Promise<Start> {
  const argv = [command, own, peer, String(Math.ceil(patience / 1000))]
  const out = await host.ok(['sh', '-c', startScript, 'sh', ...argv], { timeout: 3 * patience + 60_000 })
  const times = new Map(out.split('\n').map(line => [line.split(' ')[1], Number(line.split(' ')[0])]))
  const since = (what: string) => (times.has(what) ? times.get(what)! - times.get('start')! : null)
  return { ready: since('ready'), reply: since('reply'), startedAt: times.get('start')! }
}

export class Pair {
  readonly spec: PairSpec
  readonly members: readonly [Member, Member]
  /** Addresses of the relays that there are. */
  readonly relays: readonly string[]

  constructor(spec: PairSpec, members: readonly [Member, Member], relays: readonly string[]) {
    this.spec = spec
    this.members = members
    this.relays = relays
  }

  /** Both up, until each knows the other's record and, where there can be one, has a path. */
  async warm(patience = 20_000): Promise<void> {
    const [first, second] = this.members
    await whOk(first.host, 'up', file)
    await whOk(second.host, 'up', file)
    // what does not come about here is for the run to show
    const end = performance.now() + patience
    const left = () => Math.max(end - performance.now(), 1)
    for (const [one, other] of [this.members, [second, first]] as const) {
      const known = [bin, 'lookup', `${other.name}.test`, '--json']
      const told = (out: string) => out.startsWith('{') && settled(JSON.parse(out).record)
      await one.host.until(known, ({ out }) => told(out), { timeout: left(), every: 500 }).catch(() => {})
    }
    if (this.spec.path !== 'none') {
      const ping = ['ping', '-n', '-c1', '-W1', first.overlay]
      await second.host.until(ping, ({ code }) => code === 0, { timeout: left() }).catch(() => {})
      // taken down before that, ports are guessed in vain, and the first tries no more for an hour
      await settles(this, this.spec.path, left())
    }
  }

  /** Takes the second down, lets the hour pass, and starts it again. @param patience for the first reply, and for what is wanted then */
  async connect({ patience = 30_000, pause = 1_000 } = {}): Promise<Connection> {
    const [first, second] = this.members
    await wh(second.host, 'down')
    await this.forget()
    await sleep(pause)
    const where = { own: second.overlay, peer: first.overlay, patience }
    const { ready, reply, startedAt } = await startAndPing(second.host, `${bin} up ${file}`, where)
    if (reply === null) {
      const seen = await wayOf(this)
      return { ready, reply, settled: null, lost: 0, sent: 0, first: seen.way, ...seen }
    }
    const { path } = this.spec
    const { at, ...rest } = await settles(this, path === 'none' ? 'direct' : path, patience)
    return { ready, reply, settled: at === null ? null : at - startedAt, ...rest }
  }

  /** What to look at when it went wrong. */
  async evidence(): Promise<string> {
    const parts: string[] = []
    const [first, second] = this.members
    for (const { name, host, home } of this.members) {
      const show = async (title: string, ...argv: string[]) => {
        const { out, err } = await host.run(argv)
        parts.push(`--- ${name}: ${title}\n${out}${err}`)
      }
      await show('log', 'sh', '-c', 'tail -n 60 /var/log/wirehub/test.log')
      await show('wg', 'wg', 'show', device, 'dump')
      await show('explain', bin, 'explain', `${host === first.host ? second.name : first.name}.test`)
      await show('netcheck', bin, 'netcheck')
      await show('inspect', bin, 'inspect')
      for (const router of home.routers)
        parts.push(`--- ${router.name}: flows\n${await router.ok(['conntrack', '-L', '-p', 'udp'])}`)
    }
    return parts.join('\n')
  }

  async end(): Promise<void> {
    const homes = new Set(this.members.map(({ home }) => home))
    for (const home of homes) for (const host of [...home.hosts, ...home.routers]) await host.kill()
  }

  /** Routers and firewalls forget the pair; of the second's, everything. */
  async forget(): Promise<void> {
    const [first, second] = this.members
    if (first.home === second.home) for (const address of second.inside) await first.home.forget(address)
    await first.home.forget(second.home.address)
    if (first.home !== second.home) await second.home.flush()
    await second.host.ok(['conntrack', '-F'])
  }
}

/** A record of a node that has found out what is in front of it. */
function settled(record: { nat: string } | null): boolean {
  return record !== null && record.nat !== 'unknown'
}
