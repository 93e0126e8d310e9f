/** A set of whole numbers as ranges, `from` included, `to` not: packets that came, bytes that were acknowledged. */

export type Range = { readonly from: number; readonly to: number }

export class RangeSet {
  /** Ascending, never touching one another. */
  readonly #ranges: Range[] = []

  get size(): number {
    return this.#ranges.length
  }

  /** Ascending. */
  get ranges(): readonly Range[] {
    return this.#ranges
  }

  first(): Range | undefined {
    return this.#ranges[0]
  }

  has(value: number): boolean {
    const range = this.#ranges[this.#after(value)]
    return range !== undefined && range.from <= value
  }

  add(from: number, to: number): void {
    if (from >= to) return
    const start = this.#after(from - 1)
    let end = start
    let low = from
    let high = to
    for (let range = this.#ranges[end]; range && range.from <= to; range = this.#ranges[++end]) {
      low = Math.min(low, range.from)
      high = Math.max(high, range.to)
    }
    this.#ranges.splice(start, end - start, { from: low, to: high })
  }

  remove(from: number, to: number): void {
    if (from >= to) return
    const start = this.#after(from)
    let end = start
    const left: Range[] = []
    for (let range = this.#ranges[end]; range && range.from < to; range = this.#ranges[++end]) {
      if (range.from < from) left.push({ from: range.from, to: from })
      if (range.to > to) left.push({ from: to, to: range.to })
    }
    if (end > start) this.#ranges.splice(start, end - start, ...left)
  }

  /** Where the first range stands that ends after `value`. What is asked for stands near the end mostly. */
  #after(value: number): number {
    let at = this.#ranges.length
    while (at > 0 && this.#ranges[at - 1]!.to > value) at--
    return at
  }
}
