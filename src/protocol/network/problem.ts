/**
 * What is wrong with a network file, where, and what to write instead. Parsing never throws: it returns problems, and a
 * person sees all of them at once:
 *
 *     net.conf:7:14: error: not a key: 42 characters; a key has 43, or 44 with the closing =
 *         trust a.test KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW
 *                      ^
 *       write: trust a.test <key>, where <key> is what `wh pubkey` printed on a.test
 */

import { closest, distance } from 'fastest-levenshtein'
import { readPublicKey } from '../identity/key.ts'

export type Problem = {
  /** Only errors keep a file from being used. */
  readonly severity: 'error' | 'warning' | 'note'
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, without a byte order mark. */
  readonly column: number
  /** 0 where the problem is about the whole file: no line is shown then. */
  readonly length: number
  readonly message: string
  /** What to write or do instead. */
  readonly hint: string
  /** The words at this place are a secret, and are shown nowhere in full. */
  readonly secret?: boolean
}

export type Report = (problem: Problem) => void

/** Columns of a shown line; of longer ones only the part around the caret is shown. */
const shownWidth = 120

export function formatProblem(problem: Problem, file: string, source: string): string {
  return formatProblems([problem], file, source)
}

/** All problems as text, one after the other, without a final line end. */
export function formatProblems(problems: readonly Problem[], file: string, source: string): string {
  const lines = linesOf(source)
  const hide = concealer(problems, source)
  return problems
    .map(({ severity, line, column, length, message, hint }) => {
      const head = `${file}:${line}:${column}: ${severity}: ${hide(message)}`
      const shown = length > 0 ? showLine(hide(lines[line - 1] ?? ''), column - 1) : []
      return [head, ...shown, `  ${hide(hint)}`].join('\n')
    })
    .join('\n')
}

function linesOf(source: string): string[] {
  return source.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)
}

/** The line and, below, the caret under its character `at`. */
function showLine(line: string, at: number): string[] {
  const from = line.length <= shownWidth ? 0 : Math.max(0, Math.min(at - shownWidth / 2, line.length - shownWidth))
  const safe = plain(line)
  const head = from > 0 ? '…' : ''
  const tail = from + shownWidth < line.length ? '…' : ''
  // by code points, so that the caret stands right also behind a character of two units
  const before = head.length + [...safe.slice(from, at)].length
  return [`    ${head}${safe.slice(from, from + shownWidth)}${tail}`.trimEnd(), `    ${' '.repeat(before)}^`]
}

/** One column for each control or format character: a file must not be able to steer the terminal that shows it. */
function plain(text: string): string {
  return text.replace(/[\t\u2028\u2029]/g, ' ').replace(/\p{C}/gu, hidden => '\ufffd'.repeat(hidden.length))
}

/** A word of the file inside a message: quoted, of bounded length, nothing invisible in it. */
export function quote(word: string): string {
  const short = word.length > 64 ? `${word.slice(0, 60)}…` : word
  const visible = short.replace(/[\p{C}\p{Z}]/gu, c => (c === ' ' ? c : `\\u{${c.codePointAt(0)!.toString(16)}}`))
  return `"${visible}"`
}

/** Makes secrets in a text unreadable, and keeps its length. */
export function concealer(problems: readonly Problem[], source: string): (text: string) => string {
  const lines = problems.some(({ secret }) => secret) ? linesOf(source) : []
  const secrets = problems.flatMap(({ secret, line, column, length }) => {
    return secret ? [lines[line - 1]!.slice(column - 1, column - 1 + length)] : []
  })
  // a check costs up to a millisecond, and one key can stand in thousands of problems
  const judged = new Map<string, boolean>()
  const isSecret = (word: string) => {
    const secret = judged.get(word) ?? mayBePrivate(word)
    judged.set(word, secret)
    return secret
  }
  return text => {
    const known = secrets.reduce((text, secret) => text.replaceAll(secret, mask(secret)), text)
    return known.replace(/(?<![\w+/-])[\w+/-]{43}=?(?![\w+/=-])/g, word => (isSecret(word) ? mask(word) : word))
  }
}

function mask(secret: string): string {
  return secret.slice(0, 4).padEnd(secret.length, '*')
}

/** Has the form in which private keys are written, or cannot be a public key. */
function mayBePrivate(word: string): boolean {
  return looksClamped(word) && (word.endsWith('=') || readPublicKey(word).ok === undefined)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Clamping (RFC 7748 §5) as it shows in base64: bits 0-2 of byte 0 are zero, bits 6-7 of byte 31 are 1 and 0. */
function looksClamped(word: string): boolean {
  const sextet = (index: number) => alphabet.indexOf(word[index]!.replace('+', '-').replace('/', '_'))
  return (sextet(0) & 1) === 0 && (sextet(1) & 0x30) === 0 && ((sextet(41) >> 2) & 3) === 1
}

/** The candidate that was probably meant, or `null` where none is near. */
export function nearest<T extends string>(word: string, candidates: readonly T[]): T | null {
  if (word.length > 24) return null
  const found = closest(word.toLowerCase(), candidates) as T
  return distance(word.toLowerCase(), found) <= 2 ? found : null
}
