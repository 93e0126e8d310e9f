/**
 * The line form of a network file, WireHub's own, and `admin`:
 *
 *     name <word>                                   once
 *     namespace <word>                              once; default public
 *     workbit <number>                              once; default 8
 *     subnet <ipv4>/<length>                        once
 *     boot   [<hostname>] <key> <endpoint>
 *     peer   [<hostname>] <key> [<endpoint>]
 *     trust  [<hostname>] [<ip>] <key> [<endpoint>]
 *     router [<hostname>] [<ip>] <key> [<endpoint>]
 *     alias  [<hostname>] [<ip>] <key> [<endpoint>]
 *     admin  [<hostname>] <key>
 *
 * Words are separated by blanks, and `#` at the start of a word begins a comment. Here words get their place in the line;
 * whether they are right says check.ts.
 */

import { type Field, type Item, type NodeItem, roles, settings, type Word } from './document.ts'
import { nearest, quote, type Report } from './problem.ts'
import { usage } from './suggest.ts'
import type { Role } from './types.ts'
import { readEndpoint, readHostname } from './values.ts'

const directives = [...settings, ...roles]

export function readConf(lines: readonly string[], report: Report): Item[] {
  const items: Item[] = []
  const first = lines.findIndex(line => /^\ufeff?[ \t]*[^# \t\r\n\ufeff]/.test(line))
  const { words } = splitWords((lines[first] ?? '').replace(/^\ufeff/, ''), first + 1)
  if (words[0] && /^(name|namespace|subnet|workbit|nodes):$|^---$/.test(words[0].text)) {
    const hint = 'give the file the extension .yaml'
    report({ severity: 'error', ...words[0], message: 'this looks like the YAML form', hint })
    return []
  }
  lines.forEach((raw, index) => {
    const { words, comment } = splitWords(index === 0 ? raw.replace(/^\ufeff/, '') : raw, index + 1)
    if (words.length > 0) {
      const item = readStatement(words, comment, report)
      if (item) items.push(item)
    } else {
      items.push(comment === undefined ? { kind: 'blank' } : { kind: 'comment', text: comment })
    }
  })
  return items
}

function splitWords(raw: string, line: number): { words: Word[]; comment: string | undefined } {
  const words: Word[] = []
  for (const { 0: text, index } of raw.matchAll(/[^ \t\r\n]+/g)) {
    if (text.startsWith('#')) return { words, comment: raw.slice(index).trimEnd() }
    words.push({ text, line, column: index + 1, length: text.length })
  }
  return { words, comment: undefined }
}

function readStatement(words: readonly Word[], comment: string | undefined, report: Report): Item | null {
  const at = words[0]!
  const statement = { at, comment, from: at.line, to: at.line }
  const role = roles.find(role => role === at.text)
  if (role) return readNode(role, words, statement, report)
  const name = settings.find(name => name === at.text)
  if (!name) {
    report({ severity: 'error', ...at, message: `unknown directive ${quote(at.text)}`, hint: directiveHint(at.text) })
    return null
  }
  const [, value, extra] = words
  if (!value) {
    report({ severity: 'error', ...at, message: `${name} without a value`, hint: `write: ${usage('conf', name)}` })
    return { kind: 'setting', name, value: { ...at, text: '' }, ...statement }
  }
  if (extra) {
    const message = `${quote(extra.text)} is too much: ${name} takes one word`
    report({ severity: 'error', ...extra, message, hint: `write: ${name} ${value.text}` })
  }
  return { kind: 'setting', name, value, ...statement }
}

function directiveHint(word: string): string {
  if (isKey(word)) return 'this is a key; a line begins with what it says, and no private key stands in a network file'
  const meant = nearest(word, directives)
  return meant ? `write: ${usage('conf', meant)}` : `write one of: ${directives.join(' ')}`
}

type Statement = Pick<NodeItem, 'at' | 'comment' | 'from' | 'to'>

function readNode(role: Role, words: readonly Word[], statement: Statement, report: Report): NodeItem | null {
  const hint = `write: ${usage('conf', role)}`
  const error = (word: Word, message: string) => report({ severity: 'error', ...word, message, hint })
  const found: { [field in Field]?: Word } = {}
  const rest = words.slice(1)
  const key = keyAmong(rest)
  if (!key) {
    error(words.at(-1)!, `${role} without a key`)
    return null
  }
  found.key = key
  const place = rest.indexOf(key)
  for (const word of rest.slice(0, place)) {
    const field = /^[0-9./:]+$/.test(word.text) || word.text.includes(':') ? 'address' : 'hostname'
    const first = found[field]
    if (first) error(word, `a second ${field}: ${quote(word.text)} after ${quote(first.text)}`)
    else found[field] = word
  }
  const [endpoint, extra] = rest.slice(place + 1)
  if (endpoint && isKey(endpoint.text)) error(endpoint, 'a second key: each node has a line of its own')
  else if (endpoint) found.endpoint = endpoint
  if (extra) error(extra, `${quote(extra.text)} is too much: the line ends after the endpoint`)
  return { kind: 'node', role, words: found, inline: false, ...statement }
}

function isKey(text: string): boolean {
  return /^[\w+/-]{43}=?$/.test(text)
}

/**
 * The word that is, or was meant to be, the key: the first of a key's shape, else the first of about its length, so that a
 * key which lost a character is called that, and not a strange hostname.
 */
function keyAmong(words: readonly Word[]): Word | undefined {
  return (
    words.find(({ text }) => isKey(text)) ??
    words.find(({ text }) => /^[\w+/=-]{36,52}$/.test(text)) ??
    words.find(({ text: { length }, text }) => length > 39 && length < 49 && !readsAsOther(text))
  )
}

function readsAsOther(text: string): boolean {
  return readHostname(text).ok !== undefined || readEndpoint(text).ok !== undefined
}
