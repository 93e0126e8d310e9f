/**
 * A failure meant for a person: what happened, with the value that caused it, and what to do about it.
 *
 * Four kinds of failure exist here, each treated in its own way: bytes from a stranger are dropped and counted; a person's
 * input and the machine's refusal become a `Failure`; our own mistake is a `TypeError`.
 */

/** Exit statuses of `wh`, documented in docs/reference/exit-codes.md. */
export const exit = {
  /** The work could not be done. */
  failed: 1,
  /** The command line is not understood. */
  usage: 2,
  /** Root is needed. */
  permission: 3,
  /** No daemon runs for what was asked. */
  notRunning: 4,
  /** Ctrl-C: what a shell reports for a program that SIGINT ended, 128 + 2. */
  interrupted: 130,
} as const

export class Failure extends Error {
  override readonly name = 'Failure'
  /** What the person can do now, if we know. One line each. */
  readonly remedy: string | undefined
  readonly exit: number

  constructor(message: string, options: { remedy?: string; exit?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.remedy = options.remedy
    this.exit = options.exit ?? exit.failed
  }
}
