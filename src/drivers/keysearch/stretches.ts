/**
 * Which key of a derived search is the first, though threads take stretches in turn and end them in any order: the one that was found
 * in a stretch before which every other has ended without a key.
 */

export class Stretches {
  /** All below this have ended. */
  #floor = 0
  readonly #ended = new Set<number>()
  #first: { readonly stretch: number; readonly scalar: Uint8Array } | undefined

  /** A stretch has no key. */
  ended(stretch: number): void {
    this.#ended.add(stretch)
    while (this.#ended.delete(this.#floor)) this.#floor++
  }

  found(stretch: number, scalar: Uint8Array): void {
    if (!this.#first || stretch < this.#first.stretch) this.#first = { stretch, scalar }
  }

  /** The key's scalar, once no earlier stretch can have one. */
  decided(): Uint8Array | undefined {
    return this.#first && this.#first.stretch <= this.#floor ? this.#first.scalar : undefined
  }
}
