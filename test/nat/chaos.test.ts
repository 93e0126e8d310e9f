// All that may happen to two members behind NATs and to their relays, in an order by chance, under a ping each 50 ms: relays go down, are
// killed and come back; daemons of members are killed and started again; routers restart with another address, forget their mappings,
// become another kind. No gap may be longer than 5 s beyond the time in which nothing could work; in the end, what can be direct is.
//
//     MINUTES=10 SEED=7 node --test test/nat/chaos.test.ts

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import { seeded } from '../protocol/path/pair.ts'
import { assertClean, daemonPid, file, wh, whOk } from '../system/mesh.ts'
import { Outages, type Span } from './outages.ts'
import { type Boot, type Member, type Pair, Stage } from './pair.ts'
import type { PairSpec } from './pairs.ts'
import { Pings, pingArgs, settles, type Way, wayOf } from './way.ts'

const lasts = Number(process.env.MINUTES ?? 1) * 60_000
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const longestGap = 5_000
/** Between two events; and for so long a router is off at most, or a daemon dead that is started at once. */
const pause = [3_000, 10_000] as const
const off = 3_000
/** In the end, for what failed before: ports are not guessed again at once. */
const patience = 120_000

const spec: PairSpec = { first: 'symmetric', second: 'port-restricted', path: 'direct' }
const kinds = ['symmetric', 'port-restricted'] as const
type Kind = (typeof kinds)[number]

test(`${lasts / 60_000} min of chaos, SEED=${seed}`, { skip: noLab, timeout: lasts + 400_000 }, async t => {
  await using lab = await createLab()
  const stage = await Stage.build(lab)
  const pair = await stage.pair(spec)
  await pair.warm()
  const chaos = new Chaos(stage, pair, line => t.diagnostic(line))
  const pings = new Pings(pair.members[1].host.spawn(pingArgs(pair.members[0].overlay)))
  await chaos.firstReply(pings)
  await chaos.run(Date.now() + lasts)
  await chaos.mend()
  const settled = await settles(pair, chaos.canBeDirect ? 'direct' : 'relayed', patience)
  const gaps = chaos.gapsOf(pings)
  const { lost, sent } = await pings.end()
  t.diagnostic(`${chaos.events} events, lost ${lost} of ${sent}; at the end ${settled.way}, for ${chaos.kinds}`)
  const tooLong = gaps.filter(({ left }) => left > longestGap)
  if (tooLong.length > 0 || settled.at === null) {
    const said = tooLong.map(({ at, gap, left }) => `${at}: ${gap} ms without a reply, ${left} of them not excused`)
    const way = settled.at === null ? [`${settled.way} at the end: ${settled.endpoints.join(', ')}`] : []
    assert.fail(`SEED=${seed}\n${[...said, ...way].join('\n')}\n${await logs(pair)}\n${await pair.evidence()}`)
  }
  await everythingDown(stage, pair)
})

/** `start`: something dead comes back. */
type Event = { readonly name: string; readonly start?: true; readonly happen: (way: Way) => Promise<void> }

class Chaos {
  events = 0
  readonly kinds: [Kind, Kind] = ['symmetric', 'port-restricted']
  readonly #began = Date.now()
  readonly #stage: Stage
  readonly #pair: Pair
  readonly #say: (line: string) => void
  readonly #random = seeded(seed)
  readonly #outages: Outages

  constructor(stage: Stage, pair: Pair, say: (line: string) => void) {
    this.#stage = stage
    this.#pair = pair
    this.#say = say
    this.#outages = new Outages(
      pair.members.map(({ name }) => name),
      stage.servers.map(({ host }) => host.name),
    )
  }

  get canBeDirect(): boolean {
    return this.kinds.some(kind => kind === 'port-restricted')
  }

  async firstReply(pings: Pings): Promise<void> {
    for (const end = Date.now() + 20_000; pings.replies().length === 0; await sleep(50)) {
      if (Date.now() > end) assert.fail(await this.#pair.evidence())
    }
  }

  async run(end: number): Promise<void> {
    this.#say(`0 s is ${new Date(this.#began).toISOString()}`)
    while (Date.now() < end) {
      await sleep(this.#between(...pause))
      const event = this.#draw()
      const { way } = await wayOf(this.#pair)
      this.#say(`${this.#ago(Date.now())} ${event.name} (${way})`)
      await event.happen(way)
      this.events++
    }
  }

  /** All that is dead comes back. */
  async mend(): Promise<void> {
    for (const member of this.#pair.members) if (this.#isDead(member.name)) await this.#start(member)
    for (const { host } of this.#stage.servers) if (this.#isDead(host.name)) await this.#start(host)
  }

  /** Those of more than a second, and said. `left`: without the time in which nothing could work. */
  gapsOf(pings: Pings) {
    const replies = pings.replies()
    const spans = replies.slice(1).map((at, i): Span => [replies[i]!, at])
    const all = [...spans, [replies.at(-1)!, Date.now()] as const].map(([from, to]) => {
      const gap = Math.round(to - from)
      return { at: this.#ago(from), gap, left: gap - Math.round(this.#outages.within([from, to])) }
    })
    const long = all.filter(({ gap }) => gap > 1_000)
    for (const { at, gap, left } of long) this.#say(`gap at ${at}: ${gap} ms, ${left} of them not excused`)
    return long
  }

  /** Every second time, something dead comes back, if there is any: else nothing could work most of the time. */
  #draw(): Event {
    const all = this.#possible()
    const starts = all.filter(({ start }) => start)
    const from = starts.length > 0 && this.#random() < 0.5 ? starts : all
    return from[Math.floor(this.#random() * from.length)]!
  }

  #possible(): Event[] {
    return [
      ...this.#pair.members.flatMap((member, i) => {
        const which = i as 0 | 1
        return [...this.#ofDaemon(member, which), ...this.#ofRouter(member, which)]
      }),
      ...this.#stage.servers.flatMap(relay => this.#ofRelay(relay)),
    ]
  }

  #ofDaemon(member: Member, which: 0 | 1): Event[] {
    const { name, host } = member
    const kill = async (way: Way) => {
      const from = Date.now()
      await this.#kill(host)
      // the ports that it had beside W go with it, and a path that led through one of them
      if (way !== 'relayed' && this.kinds[which] === 'symmetric') this.#outages.broken(from)
    }
    if (this.#isDead(name)) return [this.#startOf(member)]
    return [
      {
        name: `kill ${name}, and start it`,
        happen: async way => {
          await kill(way)
          await sleep(this.#between(0, off))
          await this.#start(member)
        },
      },
      { name: `kill ${name}`, happen: kill },
    ]
  }

  #ofRouter({ name, home }: Member, which: 0 | 1): Event[] {
    const other: Kind = this.kinds[which] === 'symmetric' ? 'port-restricted' : 'symmetric'
    const broken = () => this.#outages.broken(Date.now())
    return [
      {
        name: `the router of ${name} restarts`,
        happen: async () => {
          broken()
          const from = Date.now()
          await home.restart(this.#between(0, off))
          this.#outages.cut([from, Date.now()])
        },
      },
      {
        name: `the router of ${name} forgets`,
        happen: async () => {
          broken()
          await home.flush()
        },
      },
      {
        name: `the router of ${name} becomes ${other}`,
        happen: async () => {
          broken()
          this.kinds[which] = other
          await home.become(other)
        },
      },
    ]
  }

  #ofRelay({ host }: Boot): Event[] {
    const { name } = host
    if (this.#isDead(name)) return [this.#startOf(host)]
    return [
      {
        name: `${name} goes down`,
        happen: async way => {
          const from = Date.now()
          this.#outages.died(name, from)
          await whOk(host, 'down')
          if (way !== 'direct') this.#outages.broken(from)
        },
      },
      // what it relays goes on in the kernel
      { name: `kill ${name}`, happen: () => this.#kill(host) },
    ]
  }

  async #kill(host: Host): Promise<void> {
    const from = Date.now()
    await host.ok(['kill', '-9', await daemonPid(host)])
    this.#outages.died(host.name, from)
  }

  #startOf(one: Member | Host): Event {
    return { name: `start ${one.name}`, start: true, happen: () => this.#start(one) }
  }

  async #start(one: Member | Host): Promise<void> {
    const host = 'host' in one ? one.host : one
    await whOk(host, 'up', file)
    this.#outages.lives(host.name, Date.now())
  }

  #isDead(name: string): boolean {
    return this.#outages.dead.has(name)
  }

  #between(least: number, most: number): number {
    return least + this.#random() * (most - least)
  }

  #ago(at: number): string {
    return `${((at - this.#began) / 1_000).toFixed(1)} s`
  }
}

/** Of the whole time, unlike those of the evidence. */
async function logs({ members }: Pair): Promise<string> {
  const all = await Promise.all(members.map(({ host }) => host.ok(['cat', '/var/log/wirehub/test.log'])))
  return members.map(({ name }, i) => `--- ${name}: everything\n${all[i]}`).join('\n')
}

async function everythingDown(stage: Stage, { members }: Pair): Promise<void> {
  for (const { host } of [...members, ...stage.servers]) {
    await wh(host, 'down')
    await assertClean(host)
    const left = (await host.ok(['nft', 'list', 'tables'])).split('\n').filter(line => /\bwh/.test(line))
    assert.deepEqual(left, [], `${host.name}, SEED=${seed}`)
  }
}
