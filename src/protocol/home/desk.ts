/**
 * The home's side of homes: who has a lease here, and whose calls are passed on to whom.
 *
 *     HOME, no token or a wrong one ──▶ prove, with a token          nothing is remembered
 *     HOME, its token               ──▶ leased for 90 s, or full
 *     CALL, no token or a wrong one ──▶ prove                        nothing is remembered
 *     CALL, its token               ──▶ passed to where the target's lease is; the caller can be answered for 30 s
 *
 * A token is a cookie: it follows from key, endpoint and time by a secret of the desk, so only who receives at that endpoint what is
 * sealed for that key can show it. When a key with a place here shows up elsewhere, its place moves, and its older tokens end: a HOME
 * that somebody kept and sends again does not move it back.
 */

import { Allowance } from '../../base/allowance.ts'
import type { Crypto } from '../../base/crypto.ts'
import { addressBytes, type Endpoint, sameEndpoint } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'
import { sourceOf } from '../control/budget.ts'
import { tokenLength } from '../control/constants.ts'
import type { CallState, LeaseState } from '../control/message.ts'
import { Recent } from '../control/recent.ts'
import { type PublicKey, publicKeyBytes } from '../identity/key.ts'
import * as limits from './constants.ts'

export type Rank = 'member' | 'stranger'

export type Called =
  | { readonly state: 'passed'; readonly to: Endpoint }
  | { readonly state: Exclude<CallState, 'passed'>; readonly to?: undefined }

type Lease = { readonly endpoint: Endpoint; readonly until: Time; readonly source: string; readonly rank: Rank }
type Place = { readonly endpoint: Endpoint; readonly until: Time }

export class Desk {
  readonly #crypto: Pick<Crypto, 'hmac'>
  readonly #secret: Uint8Array
  readonly #rank: (key: PublicKey) => Rank
  /** The longest not refreshed first. */
  readonly #leases = new Map<PublicKey, Lease>()
  /** Where those were that called last; more recent than their leases. */
  readonly #callers = new Recent<PublicKey, Place>(limits.callersKept)
  /** How many times a key has moved. */
  readonly #moves = new Recent<PublicKey, number>(limits.callersKept)
  readonly #callerBudgets = new Recent<PublicKey, Allowance>(limits.callersKept)
  readonly #targetBudgets = new Recent<string, Allowance>(2 * limits.leasesAtOnce)

  /**
   * @param secret random bytes, as long as a hash; new for each desk
   * @param rank asked each time, so the answer may change
   */
  constructor(crypto: Pick<Crypto, 'hmac'>, secret: Uint8Array, rank: (key: PublicKey) => Rank) {
    this.#crypto = crypto
    this.#secret = secret
    this.#rank = rank
  }

  /** What `key` must show to prove that it receives at `endpoint`. @param round a token of one is none of another */
  token(key: PublicKey, endpoint: Endpoint, now: Time, round = 0): Uint8Array {
    return this.#tokenOf(key, endpoint, epochOf(now), round)
  }

  /** Was this token given to `key` at `endpoint`, and not too long ago? */
  isToken(token: Uint8Array | null, key: PublicKey, endpoint: Endpoint, now: Time, round = 0): boolean {
    if (token === null) return false
    const epoch = epochOf(now)
    return [epoch, epoch - 1].some(epoch => equal(token, this.#tokenOf(key, endpoint, epoch, round)))
  }

  /** A HOME. Its answer always brings a token for `from`, which costs the desk no memory. */
  home(
    key: PublicKey,
    from: Endpoint,
    token: Uint8Array | null,
    now: Time,
  ): { readonly state: LeaseState; readonly token: Uint8Array; readonly seconds: number } {
    const state = this.isToken(token, key, from, now) ? this.#lease(key, from, now) : 'prove'
    const seconds = state === 'leased' ? limits.leaseSeconds : 0
    return { state, token: this.token(key, from, now), seconds }
  }

  /** A CALL: where to send what it carries, or why not. */
  call(caller: PublicKey, from: Endpoint, token: Uint8Array | null, target: PublicKey, now: Time): Called {
    if (!this.isToken(token, caller, from, now)) return { state: 'prove' }
    if (!allowance(this.#callerBudgets, caller, limits.callerBudget).take(now)) return { state: 'busy' }
    this.#moveTo(caller, from, now)
    this.#callers.set(caller, { endpoint: from, until: now + limits.callerLife })
    const place = caller === target ? null : this.#placeOf(target, now)
    if (!place) return { state: 'absent' }
    const budget = allowance(this.#targetBudgets, `${this.#rank(caller)} ${target}`, limits.targetBudget)
    return budget.take(now) ? { state: 'passed', to: place.endpoint } : { state: 'busy' }
  }

  /** How many leases there are. */
  leases(now: Time): number {
    this.#expire(now)
    return this.#leases.size
  }

  /** Entries of all tables, which have bounds. */
  get size(): number {
    const tables = [this.#leases, this.#callers, this.#moves, this.#callerBudgets, this.#targetBudgets]
    return tables.reduce((sum, { size }) => sum + size, 0)
  }

  #lease(key: PublicKey, from: Endpoint, now: Time): LeaseState {
    const rank = this.#rank(key)
    const source = sourceOf(from.host)
    if (!this.#makeRoom(key, rank, source, now)) return 'full'
    this.#moveTo(key, from, now)
    // now the lease is the more recent one
    this.#callers.delete(key)
    this.#leases.delete(key)
    this.#leases.set(key, { endpoint: from, until: now + limits.leaseSeconds * second, source, rank })
    return 'leased'
  }

  #makeRoom(key: PublicKey, rank: Rank, source: string, now: Time): boolean {
    this.#expire(now)
    if (this.#leases.has(key)) return true
    const strangers = [...this.#leases].filter(([, lease]) => lease.rank === 'stranger')
    if (rank === 'stranger') {
      const ofSource = strangers.filter(([, lease]) => lease.source === source).length
      return this.#leases.size < limits.leasesAtOnce && ofSource < limits.leasesPerSource
    }
    if (this.#leases.size < limits.leasesAtOnce) return true
    const [oldest] = strangers
    if (oldest) this.#leases.delete(oldest[0])
    return oldest !== undefined
  }

  /** `key` has proved that it is at `to`. */
  #moveTo(key: PublicKey, to: Endpoint, now: Time): void {
    const place = this.#placeOf(key, now)
    if (place && !sameEndpoint(place.endpoint, to)) this.#moves.set(key, (this.#moves.get(key) ?? 0) + 1)
  }

  #placeOf(key: PublicKey, now: Time): Place | null {
    const places = [this.#callers.get(key), this.#leases.get(key)]
    return places.find(place => place !== undefined && now < place.until) ?? null
  }

  #expire(now: Time): void {
    for (const [key, { until }] of this.#leases) {
      if (now < until) break
      this.#leases.delete(key)
    }
  }

  #tokenOf(key: PublicKey, { host, port }: Endpoint, epoch: number, round: number): Uint8Array {
    const numbers = new DataView(new ArrayBuffer(2 + 4 + 8 + 4))
    numbers.setUint16(0, port)
    numbers.setUint32(2, this.#moves.get(key) ?? 0)
    numbers.setBigInt64(6, BigInt(epoch))
    numbers.setUint32(14, round)
    const parts = [publicKeyBytes(key), new Uint8Array(numbers.buffer), addressBytes(host)]
    return this.#crypto.hmac(this.#secret, ...parts).slice(0, tokenLength)
  }
}

const epochOf = (now: Time) => Math.floor(now / limits.tokenEpoch)

function allowance<K>(
  budgets: Recent<K, Allowance>,
  key: K,
  { burst, rate }: { readonly burst: number; readonly rate: number },
): Allowance {
  let budget = budgets.get(key)
  if (budget === undefined) {
    budget = new Allowance(burst, rate)
    budgets.set(key, budget)
  }
  return budget
}

/** Takes the same time wherever they differ: what is compared is a secret. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < b.length; i++) difference |= (a[i] ?? 0) ^ b[i]!
  return difference === 0
}
