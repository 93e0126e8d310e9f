/** Keys come through pipes: `wh genkey | wh pubkey`. */

import { exit, Failure } from '../base/failure.ts'
import { refusal } from './refusal.ts'

/** A key has 44 bytes; what has more than this is another file, or never ends. */
const mostBytes = 65_536

/** The one word on standard input. */
export async function wordFromStdin(what: string): Promise<string> {
  const text = await textFromStdin(what)
  const words = text.split(/\s+/).filter(word => word !== '')
  if (words.length > 1) {
    throw new Failure(`one key was expected on standard input, and there are ${words.length} words`)
  }
  return words[0]!
}

/** All of standard input; there is something in it. */
export async function textFromStdin(what: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(`(reading ${what} from the terminal; end with Ctrl-D)\n`)
  const text = textOf(await bytesFromStdin(what))
  const expected = `on standard input, where ${what} was expected`
  if (text === undefined) throw new Failure(`bytes that are not text ${expected}`)
  if (text.trim() === '') throw new Failure(`nothing ${expected}`, { exit: exit.usage })
  return text
}

async function bytesFromStdin(what: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of process.stdin) {
      chunks.push(chunk)
      length += chunk.length
      if (length > mostBytes) break
    }
  } catch (error) {
    throw new Failure(`cannot read standard input: ${refusal(error)}`, { cause: error })
  }
  if (length > mostBytes) {
    throw new Failure(`more than ${mostBytes} bytes on standard input, where ${what} was expected`)
  }
  return Buffer.concat(chunks)
}

/** `undefined` for bytes that are not UTF-8, and for those that no text has: the raw 32 bytes of a key may be all ASCII. */
function textOf(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return /[^\P{Cc}\s]/u.test(text) ? undefined : text
  } catch {
    return undefined
  }
}
