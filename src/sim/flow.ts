/**
 * The packets between two hosts of a world, with the routers and boot nodes on their way, as a Mermaid sequence diagram
 * (mermaid.js.org/syntax/sequenceDiagram.html).
 */

import { formatEndpoint } from '../base/ip.ts'
import type { Time } from '../base/time.ts'
import type { Passage } from './internet.ts'
import { wireText } from './wire.ts'
import type { World } from './world.ts'

/** Arrows that somebody can still look at. */
const arrowsShown = 400

export class Flow {
  readonly #world: World
  readonly #pair: readonly [string, string]
  /** Other members: what is between one of the pair and them is not told. */
  readonly #others: ReadonlySet<string>
  /** Addresses outside of those others, where the pair has none of its own. */
  readonly #strange: ReadonlySet<string>
  /** By packet. */
  readonly #journeys = new Map<number, Passage[]>()

  constructor(world: World, a: string, b: string) {
    this.#world = world
    this.#pair = [a, b]
    this.#others = new Set(world.hosts.map(({ name }) => name).filter(name => name !== a && name !== b))
    const own = new Set(this.#outsideOf(this.#pair))
    this.#strange = new Set(this.#outsideOf(this.#others).filter(address => !own.has(address)))
  }

  #outsideOf(names: Iterable<string>): string[] {
    const { hosts, routers } = this.#world
    return [...names].flatMap(name => {
      const host = hosts.find(each => each.name === name)!
      const above = this.#above(name).map(place => routers.find(router => router.name === place)!.outside)
      return [host.ipv4, host.ipv6, ...above].filter(address => address !== undefined)
    })
  }

  /** The routers over a host, the nearest first. */
  #above(name: string): string[] {
    const { hosts, routers } = this.#world
    const found: string[] = []
    for (let place = hosts.find(host => host.name === name)?.at ?? 'internet'; place !== 'internet'; ) {
      found.push(place)
      place = routers.find(router => router.name === place)!.at
    }
    return found
  }

  /** For `Internet.watch`. */
  readonly see = (passage: Passage): void => {
    const journey = this.#journeys.get(passage.packet.id)
    if (journey) journey.push(passage)
    else if (this.#pair.includes(passage.where) || !this.#others.has(passage.where)) {
      this.#journeys.set(passage.packet.id, [passage])
    }
  }

  /** @param from when to begin */
  mermaid(from: Time = 0): string {
    const journeys = [...this.#journeys.values()].filter(journey => this.#concerns(journey))
    const steps = merged(journeys.map(stepOf).filter(({ at }) => at >= from))
    const shown = steps.slice(0, arrowsShown)
    const used = new Set(shown.flatMap(step => [step.from, step.to]))
    const names = this.#order().filter(name => used.has(name))
    const lines = ['sequenceDiagram', ...names.map(name => `  participant ${id(name)} as ${name}`)]
    let told: string | undefined
    for (const { at, from, to, arrow, text, count } of shown) {
      const time = `${bucketOf(at) / 10} s`
      if (time !== told) lines.push(`  Note over ${id(names[0]!)}: ${time}`)
      told = time
      lines.push(`  ${id(from)}${arrow}${id(to)}: ${text}${count > 1 ? ` × ${count}` : ''}`)
    }
    if (steps.length > shown.length) lines.push(`  %% and ${steps.length - shown.length} more`)
    return lines.join('\n')
  }

  /** From one of the pair to the other; and calls, which go through the boot nodes. */
  #concerns(journey: readonly Passage[]): boolean {
    const [first] = journey
    const last = journey.at(-1)!
    if (!this.#pair.includes(first!.where)) return isCall(last) && this.#pair.includes(last.where)
    if (this.#others.has(last.where)) return false
    return isCall(last) || this.#isBetween(journey)
  }

  /** It went to where the other one is, or was lost on the way there. */
  #isBetween(journey: readonly Passage[]): boolean {
    const last = journey.at(-1)!
    const boot = this.#world.boots.some(({ ipv4 }) => ipv4 === last.packet.to.host)
    return !boot && !this.#strange.has(last.packet.to.host)
  }

  /** From one of the pair through its routers, over the boot nodes, to the other one. */
  #order(): string[] {
    const [a, b] = this.#pair
    const beyond = this.#above(b)
    const middle = [...this.#world.boots, ...this.#world.routers].map(({ name }) => name)
    const free = middle.filter(name => !beyond.includes(name))
    return [...new Set([a, ...this.#above(a), ...free, ...beyond.reverse(), b])]
  }
}

const id = (name: string) => name.replace(/\W/g, '_')

/** Packets that go out and do not belong to the pair are told apart by where they end. */
const isCall = ({ packet }: Passage) => /^(CALL|OFFER)$/.test(wireText(packet.bytes))

type Step = {
  readonly at: Time
  readonly from: string
  readonly to: string
  readonly arrow: string
  readonly text: string
  count: number
}

const bucketOf = (at: Time) => Math.floor(at / 100)

/** One packet, from where it began to where it ended. */
function stepOf(journey: readonly Passage[]): Step {
  const [first] = journey
  const { where, what, why, packet } = journey.at(-1)!
  const ended = what === 'dropped' ? `, ${why}` : ''
  const text = `${wireText(packet.bytes)} ${formatEndpoint(packet.from)} to ${formatEndpoint(first!.packet.to)}${ended}`
  const arrow = what === 'arrived' ? '->>' : '-x'
  return { at: first!.at, from: first!.where, to: where, arrow, text, count: 1 }
}

/** Those of a tenth of a second that differ only in their ports are one arrow: a birthday has a thousand. */
function merged(steps: readonly Step[]): Step[] {
  const found = new Map<string, Step>()
  for (const step of [...steps].sort((a, b) => a.at - b.at)) {
    const key = [bucketOf(step.at), step.from, step.to, step.arrow, step.text.replace(/:\d+(?=[ ,]|$)/g, '')].join(' ')
    const known = found.get(key)
    if (known) known.count += 1
    else found.set(key, { ...step })
  }
  return [...found.values()]
}
