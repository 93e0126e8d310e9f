/**
 * One `nft -i` that stays, and does what it is told: 0.1 to 1 ms a command, where a new process each time takes 5.
 *
 * It is known to be done with a command when its answer to the next one comes; whether it could do it, it says on another pipe, sooner or
 * later. Whoever wants to know puts something into the same transaction that is seen in a listing.
 */

import type { Child, Programs } from '../../os/run.ts'

export type NftOptions = { readonly onLine: (line: string) => void; readonly onComplaint: (line: string) => void }

export function startNft(programs: Programs, { onLine, onComplaint }: NftOptions): Child {
  return programs.start(['nft', '-i'], {
    // it writes the history of what it was told into its home, and reads it all when it starts
    env: { HOME: '/dev/null' },
    onLine,
    onError: line => onComplaint(line.trim()),
  })
}

/** A command that is answered whatever there is in the kernel, and how its answer begins. */
const marker = { command: 'describe mark', answer: 'meta expression, datatype mark' } as const

/** Questions and their answers, in their order. */
export class NftSession {
  readonly #child: Child
  readonly #waiting: ((answer: string | null) => void)[] = []
  readonly #wakers: (() => void)[] = []
  #complaint = ''
  #answer = ''
  #ended = false

  constructor(programs: Programs) {
    this.#child = startNft(programs, {
      onLine: line => this.#heard(line),
      onComplaint: line => {
        this.#complaint += `${this.#complaint && ' '}${line}`
        this.#wake()
      },
    })
    void this.#child.ended.then(() => {
      this.#ended = true
      for (const answer of this.#waiting.splice(0)) answer(null)
      this.#wake()
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  /** What it printed, once all is done; `null` where it ended. @param commands one a line */
  ask(commands: readonly string[]): Promise<string | null> {
    if (this.#ended) return Promise.resolve(null)
    this.#complaint = ''
    const answered = new Promise<string | null>(resolve => this.#waiting.push(resolve))
    this.#child.write(`${commands.join('\n')}\n${marker.command}\n`)
    return answered
  }

  /** What it said of the last command, for somebody who knows that it has not done it. */
  async complaint(): Promise<string> {
    if (this.#complaint === '' && !this.#ended) await new Promise<void>(resolve => this.#wakers.push(resolve))
    return this.#complaint || 'nft has ended'
  }

  async stop(): Promise<void> {
    await this.#child.stop()
  }

  #heard(line: string): void {
    if (!line.startsWith(marker.answer)) {
      this.#answer += `${line}\n`
      return
    }
    const answer = this.#answer
    this.#answer = ''
    this.#waiting.shift()?.(answer)
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake()
  }
}
