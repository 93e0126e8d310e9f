/**
 * Boot nodes: known by the file, reachable, not trusted. Each is asked what our address is, once a minute while it answers and with
 * growing pauses while it does not. One that is dead is said aloud, and everything else works without it.
 */

import { type Address, type Endpoint, formatEndpoint, parseAddress } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute, second, type Time } from '../base/time.ts'
import type { Channel, Pong } from '../drivers/control/channel.ts'
import type { Clock } from '../os/clock.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { askReflectorsEvery } from '../protocol/path/reflexive.ts'

export type Boot = { readonly key: PublicKey; readonly endpoint: Endpoint }

export type BootsParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly channel: Pick<Channel, 'ping'>
  readonly resolve: (host: string) => Promise<readonly Address[]>
  readonly answered: (boot: Boot, pong: Pong) => void
  readonly warn: (topic: string, message: string | null) => void
}

const firstPause = 1 * second
const longestPause = 5 * minute

type State = {
  readonly boot: Boot
  pause: Time
  at: Endpoint | null
  /** It did not answer the last time it was asked. */
  silent: boolean
  timer: { cancel(): void } | null
  /** The question under way; an older one has no say any more. */
  round: number
}

export class Boots {
  readonly #parts: BootsParts
  readonly #states = new Map<string, State>()

  constructor(parts: BootsParts) {
    this.#parts = parts
  }

  /** The ones of the file, now; those that are new are asked at once. */
  set(boots: readonly Boot[]): void {
    const wanted = new Map(boots.map(boot => [`${boot.key} ${formatEndpoint(boot.endpoint)}`, boot]))
    for (const [id, state] of this.#states) {
      if (wanted.has(id)) continue
      state.timer?.cancel()
      this.#parts.warn(id, null)
      this.#states.delete(id)
    }
    for (const [id, boot] of wanted) {
      if (this.#states.has(id)) continue
      const state: State = { boot, pause: firstPause, at: literal(boot.endpoint), silent: false, timer: null, round: 0 }
      this.#states.set(id, state)
      void this.#ask(id, state)
    }
  }

  /** Our own addresses have changed: whatever was known of the boot nodes' answers is old. */
  again(): void {
    for (const [id, state] of this.#states) {
      state.timer?.cancel()
      state.pause = firstPause
      void this.#ask(id, state)
    }
  }

  /** Where they are, as far as is known now. The silent ones only where there is no other: whoever asks them waits in vain. */
  endpoints(): Boot[] {
    const known = [...this.#states.values()].filter(({ at }) => at !== null)
    const speaking = known.filter(({ silent }) => !silent)
    return (speaking.length > 0 ? speaking : known).map(({ boot, at }) => ({ key: boot.key, endpoint: at! }))
  }

  stop(): void {
    for (const state of this.#states.values()) state.timer?.cancel()
    this.#states.clear()
  }

  async #ask(id: string, state: State): Promise<void> {
    const { boot } = state
    const round = ++state.round
    const found = await this.#firstAnswer(state)
    // the file may have lost it meanwhile, or our addresses have changed and it was asked again
    if (this.#states.get(id) !== state || state.round !== round) return
    const { clock, warn, answered } = this.#parts
    const pong = typeof found === 'string' ? null : found.pong
    state.silent = pong === null
    if (typeof found === 'string') {
      warn(id, `boot node ${boot.key.slice(0, 10)}… at ${formatEndpoint(boot.endpoint)} ${found}; trying again`)
    } else {
      warn(id, null)
      state.pause = firstPause
      state.at = found.at
      answered({ key: boot.key, endpoint: found.at }, found.pong)
    }
    const wait = pong ? askReflectorsEvery : state.pause
    if (!pong) state.pause = Math.min(state.pause * 2, longestPause)
    state.timer = clock.at(clock.now() + wait, () => void this.#ask(id, state))
  }

  /** A name may have several addresses, of which some work: all are tried at once, and the first that answers is kept. */
  async #firstAnswer(state: State): Promise<{ at: Endpoint; pong: Pong } | 'does not answer' | 'cannot be resolved'> {
    const { channel, resolve } = this.#parts
    const { key, endpoint } = state.boot
    const found = literal(endpoint) ? [endpoint.host] : await resolve(endpoint.host).catch(() => [])
    // a link-local address has a zone, and so is none
    const hosts = found.map(parseAddress).filter(host => host !== null)
    const tries = hosts.map(async host => {
      const at = { host, port: endpoint.port }
      state.at ??= at
      const pong = await channel.ping(key, at)
      if (!pong) throw new Error('no answer')
      return { at, pong }
    })
    return Promise.any(tries).catch(() => (hosts.length > 0 ? 'does not answer' : 'cannot be resolved'))
  }
}

function literal(endpoint: Endpoint): Endpoint | null {
  const host = parseAddress(endpoint.host)
  return host === null ? null : { host, port: endpoint.port }
}
