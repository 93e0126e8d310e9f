/** A passphrase: from the terminal, which does not show it, or the first line of standard input. Never a word of the command line. */

import { exit, Failure } from '../base/failure.ts'
import { textFromStdin } from './stdin.ts'

/** @throws {Interrupted} */
export async function askPassphrase(path: string): Promise<string> {
  const what = `the passphrase of ${path}`
  const text = process.stdin.isTTY ? await typed(`passphrase of ${path}: `) : await textFromStdin(what)
  const line = text.split(/\r?\n/)[0]!
  if (line === '') throw new Failure(`nothing on standard input, where ${what} was expected`, { exit: exit.usage })
  return line
}

/** Ctrl-C at a question. */
export class Interrupted extends Error {}

/** A line that is typed unseen. */
async function typed(question: string): Promise<string> {
  const { stdin, stderr } = process
  // before it is asked: who is quick would see what he types
  stdin.setRawMode(true)
  stderr.write(question)
  stdin.setEncoding('utf8')
  let line = ''
  try {
    for await (const text of stdin.iterator({ destroyOnReturn: false })) {
      for (const character of text as string) {
        if (character === '\r' || character === '\n' || character === '\x04') return line
        if (character === '\x03') throw new Interrupted()
        if (character === '\x7f' || character === '\b') line = [...line].slice(0, -1).join('')
        else if (character === '\x15') line = ''
        else line += character
      }
    }
    return line
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}
