/**
 * Changes to a network file that touch only the lines they are about: every other line stays byte for byte, comments and
 * blanks included. A result is the new text of the file; parse it to go on.
 *
 * YAML in flow style (`{role: trust, …}`) has no line for each thing; such a file is brought to its canonical form first.
 */

import {
  type Document,
  type Field,
  fields,
  type NodeItem,
  nodeItem,
  nodesOf,
  type SettingName,
  type Word,
} from './document.ts'
import { formatYaml, nodeText, scalar, yamlNode } from './format.ts'
import { parseNetworkFile } from './parse.ts'
import type { NodeEntry } from './types.ts'

/** `text` in place of the characters from `start` to `end` of a line, or as a line of its own behind it. */
type Edit =
  | { readonly line: number; readonly start: number; readonly end: number; readonly text: string }
  | { readonly below: number; readonly text: string }
  | { readonly remove: number }

/** Behind all others, so that no member's automatic address changes. */
export function appendNode(document: Document, entry: NodeEntry): string {
  const node = nodeItem(entry)
  if (document.syntax === 'conf') {
    return apply(document, [{ below: document.lines.length, text: line(node) }])
  }
  const last = nodesOf(document).at(-1)
  if (last?.inline) return appendNode(canonical(document), entry)
  if (!last) {
    // `nodes:` may stand there with nothing in it, which the canonical form leaves out
    const empty = document.lines.some(line => /^\ufeff?["']?nodes["']?\s*:/.test(line))
    if (empty) return appendNode(canonical(document), entry)
    const text = ['nodes:', ...yamlNode(node, '  ')].join('\n')
    return apply(document, [{ below: document.lines.length, text }])
  }
  return apply(document, [{ below: last.to, text: yamlNode(node, dashOf(document, last)).join('\n') }])
}

/** Members behind it that have no fixed address get other ones. */
export function removeNode(document: Document, node: NodeItem): string {
  if (!node.inline) {
    const only = document.syntax === 'yaml' && nodesOf(document).length === 1
    if (!only)
      return apply(
        document,
        range(node.from, node.to).map(remove => ({ remove })),
      )
  }
  const items = document.items.filter(item => item !== node)
  return formatYaml({ ...document, items })
}

export function replaceNode(document: Document, node: NodeItem, entry: NodeEntry): string {
  const edits = node.inline ? null : document.syntax === 'conf' ? inLine(node, entry) : inLines(document, node, entry)
  if (edits) return apply(document, edits)
  const items = document.items.map(item =>
    item === node ? { ...node, role: entry.role, words: nodeItem(entry).words } : item,
  )
  return formatYaml({ ...document, items })
}

export function changeSetting(document: Document, name: SettingName, value: string): string {
  const item = document.items.find(item => item.kind === 'setting' && item.name === name)
  const yaml = document.syntax === 'yaml'
  if (item?.kind === 'setting') {
    return apply(document, [instead(item.value, yaml ? inYaml(document, item.value, value) : value)])
  }
  const after = document.items.findLast(item => item.kind === 'setting')
  const text = yaml ? `${name}: ${scalar(value)}` : `${name} ${value}`
  return apply(document, [{ below: after?.kind === 'setting' ? after.to : 0, text }])
}

/** The words of a line that differ; the others keep their place. */
function inLine(node: NodeItem, entry: NodeEntry): Edit[] {
  const edits: Edit[] = []
  const wanted = nodeItem(entry)
  if (wanted.role !== node.role) edits.push(instead(node.at, wanted.role))
  let anchor = node.at
  for (const field of fields) {
    const old = node.words[field]
    const text = wanted.words[field]?.text
    if (old && text === undefined) edits.push(instead(old, '', 1))
    else if (old && text !== nodeText(node, field)) edits.push(instead(old, text!))
    else if (!old && text !== undefined) {
      const end = anchor.column - 1 + anchor.length
      edits.push({ line: anchor.line, start: end, end, text: ` ${text}` })
    }
    // hostname and address may stand in either order: what is added goes behind the later one
    if (old && old.column > anchor.column) anchor = old
  }
  return edits
}

/** The lines that differ, or `null` where that is not a matter of whole lines. */
function inLines(document: Document, node: NodeItem, entry: NodeEntry): Edit[] | null {
  const edits: Edit[] = []
  const wanted = nodeItem(entry)
  const indent = ' '.repeat(dashOf(document, node).length + 2)
  const words: [Field | 'role', Word | undefined, string, string | undefined][] = [
    ['role', node.at, node.role, wanted.role],
    ...fields.map(
      field =>
        [field, node.words[field], nodeText(node, field), wanted.words[field]?.text] satisfies (typeof words)[number],
    ),
  ]
  let below = node.at.line
  for (const [field, old, oldText, text] of words) {
    if (old && text !== undefined && text !== oldText) {
      edits.push(instead(old, inYaml(document, old, text)))
    } else if (old && text === undefined) {
      if (old.line === node.from) return null
      edits.push({ remove: old.line })
    } else if (!old && text !== undefined) {
      edits.push({ below, text: `${indent}${field}: ${scalar(text)}` })
    }
    if (old && text !== undefined) below = old.line
  }
  return edits
}

function instead(word: Word, text: string, before = 0): Edit {
  return { line: word.line, start: word.column - 1 - before, end: word.column - 1 + word.length, text }
}

/** The text as it must stand in place of `word`, which may have quotes around it already. */
function inYaml(document: Document, word: Word, text: string): string {
  const line = document.lines[word.line - 1]!.replace(/^\ufeff/, '')
  return /["']/.test(line[word.column - 2] ?? '') ? text : scalar(text)
}

function apply(document: Document, edits: readonly Edit[]): string {
  const end = /(\r\n|\r|\n)$/.exec(document.lines[0] ?? '')?.[1] ?? '\n'
  const lines = document.lines.map(line => ({ text: line, below: [] as string[], gone: false }))
  const top: string[] = []
  // from the end of a line to its start, so that columns stay true; what is added at one place, in the order given
  const changes = edits.filter(edit => 'line' in edit).reverse()
  changes.sort((a, b) => b.start - a.start)
  for (const { line, start, end, text } of changes) {
    const target = lines[line - 1]!
    const mark = line === 1 && target.text.startsWith('\ufeff') ? 1 : 0
    target.text = target.text.slice(0, start + mark) + text + target.text.slice(end + mark)
  }
  for (const edit of edits) {
    if ('remove' in edit) lines[edit.remove - 1]!.gone = true
    if ('below' in edit) (lines[edit.below - 1]?.below ?? top).push(...edit.text.split('\n'))
  }
  const texts = [...top.map(text => text + end)]
  for (const { text, below, gone } of lines) {
    if (!gone) texts.push(below.length > 0 && !/[\r\n]$/.test(text) ? text + end : text)
    texts.push(...below.map(text => text + end))
  }
  return texts.join('')
}

function canonical(document: Document): Document {
  return parseNetworkFile(formatYaml(document), 'canonical.yaml').document
}

function line(node: NodeItem): string {
  return [node.role, ...fields.map(field => node.words[field]?.text).filter(text => text !== undefined)].join(' ')
}

/** The blanks before the node's dash. */
function dashOf(document: Document, node: NodeItem): string {
  return /^\ufeff?( *)-/.exec(document.lines[node.from - 1]!)?.[1] ?? '  '
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
