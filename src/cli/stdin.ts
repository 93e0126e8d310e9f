/** Keys come through pipes: `wh genkey | wh pubkey`. */

import { text } from 'node:stream/consumers'
import { exit, Failure } from '../base/failure.ts'

/** The one word on standard input. */
export async function wordFromStdin(what: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(`(reading ${what} from the terminal; end with Ctrl-D)\n`)
  const word = (await text(process.stdin)).trim()
  if (word === '') {
    throw new Failure(`nothing on standard input, where ${what} was expected`, { exit: exit.usage })
  }
  return word
}
