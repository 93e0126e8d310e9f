/**
 * When no packet could have come through, as a test that breaks things knows it; and what is left of a gap without that time.
 *
 *     cut       a router is off
 *     lost      the path was broken, and who could make another one was dead: a daemon of the two, or each relay
 */

export type Span = readonly [from: number, to: number]

export class Outages {
  readonly #spans: Span[] = []
  readonly #dead = new Set<string>()
  readonly #helpers: readonly string[]
  readonly #needed: readonly string[]
  /** Nobody could mend anything since. */
  #helplessAt: number | null = null
  /** The path was broken while nobody could mend it. */
  #lostAt: number | null = null

  /** @param needed daemons of which each must live for a path to be mended @param helpers of these, one */
  constructor(needed: readonly string[], helpers: readonly string[]) {
    this.#needed = needed
    this.#helpers = helpers
  }

  get dead(): ReadonlySet<string> {
    return this.#dead
  }

  cut(span: Span): void {
    this.#spans.push(span)
  }

  /** What a path stood on is gone. */
  broken(at: number): void {
    if (this.#helplessAt !== null) this.#lostAt ??= at
  }

  died(name: string, at: number): void {
    this.#dead.add(name)
    if (this.#isHelpless) this.#helplessAt ??= at
  }

  lives(name: string, at: number): void {
    this.#dead.delete(name)
    if (this.#isHelpless) return
    if (this.#lostAt !== null) this.#spans.push([this.#lostAt, at])
    this.#helplessAt = this.#lostAt = null
  }

  /** What of this time is nobody's fault but the test's, ms. */
  within([from, to]: Span): number {
    const now = this.#lostAt === null ? [] : [[this.#lostAt, to] as const]
    const parts = [...this.#spans, ...now]
      .map(([a, b]): Span => [Math.max(a, from), Math.min(b, to)])
      .filter(([a, b]) => b > a)
      .toSorted(([a], [b]) => a - b)
    let [sum, end] = [0, from]
    for (const [a, b] of parts) {
      if (b <= end) continue
      sum += b - Math.max(a, end)
      end = b
    }
    return sum
  }

  get #isHelpless(): boolean {
    return this.#needed.some(name => this.#dead.has(name)) || this.#helpers.every(name => this.#dead.has(name))
  }
}
