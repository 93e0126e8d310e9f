/** What is wrong now, for people: one sentence for each topic, said once in the log and kept until it is well again. */

import type { Logger } from '../base/log.ts'

export class Warnings {
  readonly #log: Logger
  readonly #said = new Map<string, string>()

  constructor(log: Logger) {
    this.#log = log
  }

  /** @param message `null`: it is well again */
  readonly set = (topic: string, message: string | null): void => {
    if (message === null) {
      this.#said.delete(topic)
      return
    }
    if (this.#said.get(topic) !== message) this.#log.warn(message)
    this.#said.set(topic, message)
  }

  all(): string[] {
    return [...this.#said.values()]
  }
}
