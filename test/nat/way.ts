/** Which way a pair's packets go, by the word of both WireGuards; and how soon that is the last word, under pings that count what is lost. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Program } from '../lab/lab.ts'
import type { Member, Pair } from './pair.ts'

export const device = 'wh-test'

/**
 * `direct`: each sends to the other's home, and to no third party; `relayed`: both to one and the same server, at ports of their own;
 * `carried`: one of them, at least, into a carrier, for it has no UDP; `mixed`: none of these, for the moment.
 */
export type Way = 'direct' | 'relayed' | 'carried' | 'mixed'

export type Seen = {
  readonly way: Way
  /** Where the first's WireGuard sends to, and the second's. */
  readonly endpoints: readonly [string, string]
}

/** Between two pings, and between two looks, ms. */
const step = 50
/** Of pings without a reply, those sent within the last so many ms may still get one. */
const onItsWay = 1_000
/** For so long it must stay: 20 pings. */
const after = 1_000

export async function wayOf({ members: [first, second], spec, relays }: Pair): Promise<Seen> {
  const endpoints = await Promise.all([endpointOf(first, second), endpointOf(second, first)])
  const [to, from] = endpoints.map(hostOf) as [string, string]
  const isOf = ({ home, inside }: Member, host: string) =>
    inside.includes(host) || (host === home.address && !spec.together)
  const direct = isOf(second, to) && isOf(first, from)
  // a public member may be a relay, too, and is none for itself
  const relayed = to === from && relays.includes(to)
  // the loopback sockets of carriers
  const carried = [to, from].includes('127.0.0.2')
  return { way: direct ? 'direct' : relayed ? 'relayed' : carried ? 'carried' : 'mixed', endpoints }
}

export type Settled = Seen & {
  /** The way at the first look. */
  readonly first: Way
  /** When it was seen to be the wanted one, ms since 1970; `null`: never. */
  readonly at: number | null
  /** Pings without an answer, of so many, until a second after that. */
  readonly lost: number
  readonly sent: number
}

/**
 * Pings until the way has been the wanted one for a second, or for `patience` ms. What is still on its way through a relay leads WireGuard back
 * to it for a moment.
 */
export async function settles(pair: Pair, wanted: Way, patience: number): Promise<Settled> {
  const [first, second] = pair.members
  const pings = new Pings(second.host.spawn(pingArgs(first.overlay)))
  const began = await wayOf(pair)
  let seen = began
  let at: number | null = null
  for (const end = Date.now() + patience; Date.now() < end; ) {
    if (seen.way !== wanted) at = null
    else at ??= Date.now()
    if (at !== null && Date.now() - at >= after) break
    await sleep(step)
    seen = await wayOf(pair)
  }
  const { lost, sent } = await pings.end()
  return { ...seen, first: began.way, at, lost, sent }
}

export const pingArgs = (to: string) => ['ping', '-n', '-D', '-i', String(step / 1000), to]

/** A running `ping -D`. */
export class Pings {
  readonly #program: Program
  constructor(program: Program) {
    this.#program = program
  }

  /** When each reply came, ms since 1970. */
  replies(): number[] {
    return [...this.#program.out.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, at]) => Number(at) * 1000)
  }

  /** The longest time without a reply from then until now. */
  gap(since: number): number {
    const all = [since, ...this.replies().filter(at => at > since), Date.now()]
    return Math.round(Math.max(...all.slice(1).map((at, i) => at - all[i]!)))
  }

  /** What was sent within the last second and not answered is on its way: a reply by a carrier takes as long, where the machine is busy. */
  async end(): Promise<{ sent: number; lost: number }> {
    this.#program.kill('SIGINT')
    const { out } = await this.#program.ended
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(out) ?? []
    if (sent === undefined) throw new Error(`ping did not say what it had sent:\n${out.slice(-500)}`)
    const numbers = [...out.matchAll(/^\[.* icmp_seq=(\d+) /gm)].map(([, number]) => Number(number))
    const behind = Number(sent) - Math.max(0, ...numbers)
    const lost = Number(sent) - Number(received)
    return { sent: Number(sent), lost: behind * step < onItsWay ? lost - behind : lost }
  }
}

async function endpointOf(one: Member, other: Member): Promise<string> {
  const { out } = await one.host.run(['wg', 'show', device, 'endpoints'])
  const wgKey = `${other.key.replaceAll('-', '+').replaceAll('_', '/')}=`
  const line = out.split('\n').find(line => line.startsWith(wgKey))
  return line?.split('\t')[1] ?? '(none)'
}

function hostOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}
