/**
 * Which ports of a hard NAT to try, in which order, none twice. Where each port is as likely as any other, no order is better than
 * another; so the order is made for the NATs where it matters:
 *
 *     predicted   base + step, base + 2 × step, …        a counter
 *     near        base ± 1, ± 2, …                       a block of ports for each customer (RFC 6431, RFC 7422)
 *     low         1024 to 2047, by chance                Linux, `fully-random`: 16 random bits modulo 64512, so these come twice as often
 *     anywhere    1024 to 65535, by chance
 *
 * They take turns, since each may be wrong. Where only a few branches are open, because their ports are predicted, nothing else has
 * a chance worth a probe: the rest comes when the many are open.
 */

import type { Spray } from '../control/message.ts'
import { firstPort, lastPort, portAfter } from './step.ts'

/** How far a counter is followed, as a multiple of the branches: others behind the same NAT take ports, too. */
const beyond = 4
/** Fewer branches than that are found by prediction only. */
const many = 64
const lowPorts = 1_024

type Lane = () => number | null

export class Guesses {
  readonly #chance: () => number
  readonly #tried = new Set<number>()
  #lanes: Lane[] = []
  #turn = 0

  /** @param chance from 0 to 1 */
  constructor(spray: Spray, chance: () => number) {
    this.#chance = chance
    this.aim(spray)
  }

  /** What the other side says now; what was tried is not tried again. */
  aim({ base, step = 0, sockets }: Spray): void {
    const low = this.#byChance(firstPort, lowPorts)
    const anywhere = this.#byChance(firstPort, lastPort - firstPort + 1)
    if (base === undefined || base < firstPort) this.#lanes = [low, anywhere]
    else if (step === 0) this.#lanes = [along(i => portAfter(base, zigzag(i))), low, anywhere]
    else {
      const predicted = along(i => (i < beyond * sockets ? portAfter(base, step * (i + 1)) : null))
      this.#lanes = sockets < many ? [predicted] : [predicted, low, predicted, anywhere]
    }
    this.#turn = 0
  }

  /** The next port; `null` when none is left, until it is aimed anew. */
  next(): number | null {
    while (this.#lanes.length > 0) {
      const lane = this.#lanes[this.#turn % this.#lanes.length]!
      const port = lane()
      if (port === null) this.#lanes = this.#lanes.filter(each => each !== lane)
      else if (!this.#tried.has(port)) {
        this.#tried.add(port)
        this.#turn++
        return port
      }
    }
    return null
  }

  #byChance(first: number, count: number): Lane {
    return () => {
      // by chance a few times, then from there on upwards: a nearly full range shall not take forever
      let port = 0
      for (let i = 0; i < 8; i++) {
        port = first + Math.floor(this.#chance() * count)
        if (!this.#tried.has(port)) return port
      }
      for (let i = 0; i < count; i++) {
        const next = first + ((port - first + i) % count)
        if (!this.#tried.has(next)) return next
      }
      return null
    }
  }
}

/** The ports of a row, until it ends or has gone around. */
function along(at: (i: number) => number | null): Lane {
  let i = 0
  return () => (i <= lastPort - firstPort ? at(i++) : null)
}

/** 1, -1, 2, -2, … */
function zigzag(i: number): number {
  return i % 2 === 0 ? i / 2 + 1 : -(i + 1) / 2
}

/** The same words once more? */
export function sameSpray(a: Spray, b: Spray): boolean {
  return a.host === b.host && a.base === b.base && a.step === b.step && a.sockets === b.sockets
}
