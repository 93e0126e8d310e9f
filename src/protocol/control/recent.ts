/**
 * A map with room for a number of entries; the least recently used one makes room for a new one. For everything that strangers can fill.
 */

export class Recent<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #room: number

  constructor(room: number) {
    this.#room = room
  }

  get size(): number {
    return this.#entries.size
  }

  /** The entry, which counts as used now. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) {
      // a Map keeps the order of insertion
      this.#entries.delete(key)
      this.#entries.set(key, value)
    }
    return value
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#room) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, value)
  }

  delete(key: K): void {
    this.#entries.delete(key)
  }
}
