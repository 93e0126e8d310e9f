/**
 * Reads a network file. Whatever the text is, nothing is thrown: what is wrong comes back as problems, all at once, and
 * the document keeps every byte, so that the file can still be shown and edited.
 */

import { check } from './check.ts'
import { readConf } from './conf.ts'
import { type Document, splitLines, syntaxOf } from './document.ts'
import { concealer, type Problem, type Report } from './problem.ts'
import type { Network } from './types.ts'
import { readYaml } from './yaml.ts'

/** A hundred thousand members fit. */
export const maxLength = 16 * 1024 * 1024

/** More would only be noise, and a large file of something else must not fill the memory with problems. */
const maxProblems = 10_000

export type Parsed = {
  /** `null` if there is any error. */
  readonly network: Network | null
  readonly document: Document
  /** In the order of the text. */
  readonly problems: readonly Problem[]
}

/** @param file decides about the syntax: YAML if it ends in `.yaml` or `.yml`. */
export function parseNetworkFile(text: string, file: string): Parsed {
  const syntax = syntaxOf(file)
  const foreign = notText(text)
  if (foreign) return { network: null, document: { syntax, lines: [text], items: [] }, problems: [foreign] }
  const lines = splitLines(text)
  const { problems, report } = collector()
  const items = syntax === 'yaml' ? readYaml(lines, report) : readConf(lines, report)
  // a file that could not be read at all would only be blamed for lacking a name as well
  const unread = problems.length > 0 && !items.some(({ kind }) => kind === 'setting' || kind === 'node')
  const network = unread ? null : check(items, syntax, report)
  const hide = concealer(problems, text)
  const sorted = problems.sort((a, b) => a.line - b.line || a.column - b.column)
  const shown = sorted.map(problem => ({ ...problem, message: hide(problem.message), hint: hide(problem.hint) }))
  const usable = !problems.some(({ severity }) => severity === 'error')
  return { network: usable ? network : null, document: { syntax, lines, items }, problems: shown }
}

/** Gathers problems: each severity up to a limit of its own, so that many warnings cannot hide an error. */
export function collector(): { problems: Problem[]; report: Report } {
  const problems: Problem[] = []
  const counts = { error: 0, warning: 0, note: 0 }
  const report = ({ severity, line, column, length, message, hint, secret }: Problem) => {
    const count = ++counts[severity]
    if (count <= maxProblems) {
      problems.push({ severity, line, column, length, message, hint, ...(secret && { secret }) })
    } else if (count === maxProblems + 1) {
      const rest = `more than ${maxProblems} problems of this kind; the rest is not shown`
      problems.push({ severity, line, column, length: 0, message: rest, hint: 'correct those above first' })
    }
  }
  return { problems, report }
}

/** One problem for a file that is no text, instead of one for each of its lines. */
function notText(text: string): Problem | null {
  const whole = { severity: 'error', line: 1, column: 1, length: 0 } as const
  if (text.length > maxLength) {
    const message = `${text.length} characters; a network file has at most ${maxLength}`
    return { ...whole, message, hint: 'is this the right file?' }
  }
  // what neither syntax allows anywhere, comments included (YAML 1.2 §5.1)
  const control = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]|\p{Surrogate}/u.exec(text)
  if (!control) return null
  const before = splitLines(text.slice(0, control.index).replace(/^\ufeff/, ''))
  const open = before.at(-1)?.match(/[\r\n]$/) ? '' : (before.at(-1) ?? '')
  const code = control[0].codePointAt(0)!.toString(16).padStart(2, '0')
  return {
    ...whole,
    line: Math.max(1, before.length + (open === '' ? 1 : 0)),
    column: open.length + 1,
    message: `not a text file: it holds the character 0x${code}`,
    hint: 'is this the right file? A network file is text in UTF-8',
  }
}
