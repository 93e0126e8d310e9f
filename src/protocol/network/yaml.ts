/**
 * The YAML form of a network file:
 *
 *     name: test
 *     subnet: 10.0.42.0/24
 *     workbit: 8
 *     nodes:
 *       - role: trust
 *         hostname: a.test
 *         address: 10.0.42.254        # only if fixed
 *         key: KJ7Y…
 *         endpoint: 12.34.56.78       # only if known
 *
 * Values are words as in the line form, whatever type YAML would give them: a hostname may be `1e5`.
 */

import {
  type Field,
  fields,
  type Item,
  type NodeItem,
  roles,
  type SettingItem,
  settings,
  type Word,
} from './document.ts'
import { nearest, quote, type Report } from './problem.ts'
import { usage } from './suggest.ts'
import { type Comment, type Mapping, readTree, type Tree } from './yaml-tree.ts'

type Statement = SettingItem | NodeItem

export function readYaml(lines: readonly string[], report: Report): Item[] {
  const text = lines.join('').replace(/^\ufeff/, '')
  const read = readTree(text, report)
  if (!read) return []
  const { tree, comments } = read
  if (tree.kind !== 'mapping') {
    const at = tree.kind === 'word' ? tree.word : tree.at
    const hint =
      tree.kind === 'word' && settings.some(name => at.text.startsWith(`${name} `))
        ? 'this looks like the line form: give the file another extension than .yaml or .yml'
        : 'write: name: home, then the other settings, each on a line'
    report({ severity: 'error', ...at, message: 'not a mapping of names to values', hint })
    return []
  }
  const statements: Statement[] = []
  const seen = new Map<string, Word>()
  for (const { key, value } of tree.pairs) {
    const name = settings.find(name => name === key.text)
    if (key.text === 'nodes') {
      if (!repeated(key, seen, report)) statements.push(...readNodes(value, lines, report))
    } else if (!name) {
      const meant = nearest(key.text, [...settings, 'nodes'])
      const hint = meant ? `write: ${meant}:` : `write one of: ${settings.join(' ')} nodes`
      report({ severity: 'error', ...key, message: `unknown name ${quote(key.text)}`, hint })
    } else {
      const word = wordOf(value, name, `write: ${usage('yaml', name)}`, report)
      const place = { from: key.line, to: word?.line ?? key.line }
      statements.push({ kind: 'setting', name, at: key, value: word ?? { ...key, text: '' }, ...place })
    }
  }
  return arrange(statements, comments, lines)
}

function readNodes(tree: Tree, lines: readonly string[], report: Report): NodeItem[] {
  if (tree.kind !== 'list') {
    const at = tree.kind === 'word' ? tree.word : tree.at
    if (tree.kind === 'word' && tree.word.text === '') return []
    report({ severity: 'error', ...at, message: 'nodes is not a list', hint: 'write each node as: - role: trust' })
    return []
  }
  return tree.values.flatMap(value => {
    if (value.kind === 'mapping') return readNode(value, tree.flow, lines, report) ?? []
    const at = value.kind === 'word' ? value.word : value.at
    report({ severity: 'error', ...at, message: 'not a node', hint: 'write each node as: - role: trust' })
    return []
  })
}

function readNode(tree: Mapping, flow: boolean, lines: readonly string[], report: Report): NodeItem | null {
  const seen = new Map<string, Word>()
  const words: { [field in Field]?: Word } = {}
  let at: Word | undefined
  let last = tree.at.line
  for (const { key, value } of tree.pairs) {
    if (repeated(key, seen, report)) continue
    const field = fields.find(field => field === key.text)
    if (!field && key.text !== 'role') {
      const meant = nearest(key.text, ['role', ...fields])
      const hint = meant ? `write: ${meant}:` : `write one of: role ${fields.join(' ')}`
      report({ severity: 'error', ...key, message: `unknown name ${quote(key.text)} in a node`, hint })
      continue
    }
    const hint = field ? `write: ${field}: <${field}>, or remove the line` : 'write: role: trust'
    const word = wordOf(value, key.text, hint, report)
    last = Math.max(last, key.line, word?.line ?? 0)
    if (!word) continue
    if (field) words[field] = word
    else at = word
  }
  const role = roles.find(role => role === at?.text)
  if (!role) {
    const meant = at && nearest(at.text, roles)
    const hint = meant ? `write: role: ${meant}` : `write: role: and one of ${roles.join(' ')}`
    const message = at ? `unknown role ${quote(at.text)}` : 'a node without a role'
    if (at || !seen.has('role')) report({ severity: 'error', ...(at ?? tree.at), message, hint })
    return null
  }
  const from = tree.at.line
  const dash = (lines[from - 1] ?? '').replace(/^\ufeff/, '').slice(0, tree.at.column - 1)
  return { kind: 'node', role, at: at!, words, from, to: last, inline: flow || tree.flow || !/^ *- +$/.test(dash) }
}

/** The value as a word; anything else is reported. */
function wordOf(tree: Tree, name: string, hint: string, report: Report): Word | null {
  const word = tree.kind === 'word'
  if (word && tree.word.text !== '' && !tree.long) return tree.word
  const at = word ? tree.word : tree.at
  const message = word && !tree.long ? `${name} without a value` : `${name} is not a single word on one line`
  report({ severity: 'error', ...at, length: Math.max(1, at.length), message, hint })
  return null
}

function repeated(key: Word, seen: Map<string, Word>, report: Report): boolean {
  const first = seen.get(key.text)
  seen.set(key.text, first ?? key)
  if (!first) return false
  const message = `${quote(key.text)} stands already on line ${first.line}`
  report({ severity: 'error', ...key, message, hint: 'keep one of the two' })
  return true
}

/**
 * Statements, comments and blank lines in the order of the text. A line of the line form has room for one comment, so of
 * a node with several behind its lines all go above it.
 */
function arrange(statements: readonly Statement[], comments: readonly Comment[], lines: readonly string[]): Item[] {
  const items: Item[] = []
  let line = 1
  let next = 0
  const until = (end: number) => {
    for (; line < end; line++) {
      const first = next
      while (next < comments.length && comments[next]!.line <= line) {
        items.push({ kind: 'comment', text: comments[next++]!.text })
      }
      if (next === first && (lines[line - 1] ?? '').replace('\ufeff', '').trim() === '') items.push({ kind: 'blank' })
    }
  }
  for (const statement of statements) {
    until(statement.from)
    const inside: Comment[] = []
    while (next < comments.length && comments[next]!.line <= statement.to) inside.push(comments[next++]!)
    const beside = inside.filter(comment => !comment.alone)
    const above = beside.length > 1 ? inside : inside.filter(comment => comment.alone)
    for (const { text } of above) items.push({ kind: 'comment', text })
    items.push(beside.length === 1 ? { ...statement, comment: beside[0]!.text } : statement)
    line = Math.max(line, statement.to + 1)
  }
  until(lines.length + 1)
  return items
}
