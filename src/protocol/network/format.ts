/**
 * The canonical text of a network file, in either syntax, from the items of a document. Comments and the order of nodes
 * stay; blanks, number forms and default ports are made alike. Formatting its own output changes nothing.
 */

import { formatPrefix } from '../../base/ip.ts'
import {
  type CommentItem,
  type Document,
  type Field,
  fields,
  type Item,
  type NodeItem,
  type SettingItem,
} from './document.ts'
import { endpointText, readEndpoint, readSubnet } from './values.ts'

/** Longer words stand out of their column, instead of pushing away everybody's. */
const maxColumn = 32
const keyColumn = 1 + fields.indexOf('key')

export function formatConf(document: Document): string {
  const lines: string[] = []
  for (const block of blocks(squeeze(document.items))) {
    const texts = layOut(block)
    const beside = texts.filter((_, index) => commentOf(block[index]!) !== undefined)
    const edge = beside.reduce((widest, { length }) => Math.max(widest, length), 0)
    block.forEach((item, index) => {
      const comment = commentOf(item)
      lines.push(comment === undefined ? texts[index]! : `${texts[index]!.padEnd(edge)}  ${comment}`)
    })
  }
  return lines.map(line => `${line}\n`).join('')
}

export function formatYaml(document: Document): string {
  const { before, nodes } = split(squeeze(document.items))
  const lines = before.map(item =>
    item.kind === 'setting' ? behind(`${item.name}: ${scalar(settingText(item))}`, item.comment) : plainLine(item),
  )
  if (nodes.some(item => item.kind === 'node')) lines.push('nodes:')
  for (const item of nodes) {
    if (item.kind === 'node') lines.push(...yamlNode(item, '  '))
    else lines.push(item.kind === 'comment' ? `  ${item.text}` : '')
  }
  return lines.map(line => `${line}\n`).join('')
}

/** The node as an item of a YAML list whose dash stands behind `indent`. */
export function yamlNode(node: NodeItem, indent: string): string[] {
  const lines = [behind(`${indent}- role: ${node.role}`, node.comment)]
  for (const field of fields) {
    if (node.words[field]) lines.push(`${indent}  ${field}: ${scalar(nodeText(node, field))}`)
  }
  return lines
}

/** The word of a field in its canonical form; a wrong word as it is. */
export function nodeText(node: NodeItem, field: Field): string {
  const text = node.words[field]?.text ?? ''
  if (field === 'key') return text.replace(/=$/, '').replaceAll('+', '-').replaceAll('/', '_')
  if (field !== 'endpoint') return text
  const endpoint = readEndpoint(text).ok
  return endpoint ? endpointText(endpoint) : text
}

export function settingText({ name, value }: SettingItem): string {
  const subnet = name === 'subnet' && readSubnet(value.text).ok
  return subnet ? formatPrefix(subnet) : value.text
}

/** A YAML scalar, quoted where a reader of YAML could take it for a number, a date or a truth; work and IPv4 addresses are not. */
export function scalar(text: string): string {
  const plain = /^[A-Za-z0-9_/][\w./:@+=-]*$/.test(text) && !text.endsWith(':')
  const typed = /^([\d.][\d._eExXoObBa-fA-F:+-]*|true|false|yes|no|on|off|y|n|null|\.nan|\.inf)$/i.test(text)
  const known = /^(\d{1,2}|\d+(\.\d+){3}(:\d+)?)$/.test(text)
  return plain && (known || !typed) ? text : `'${text.replaceAll("'", "''")}'`
}

/** No blank lines at the ends, and never two together. */
function squeeze<T extends Item>(items: readonly T[]): T[] {
  const kept = items.filter((item, index) => item.kind !== 'blank' || items[index + 1]?.kind !== 'blank')
  if (kept[0]?.kind === 'blank') kept.shift()
  if (kept.at(-1)?.kind === 'blank') kept.pop()
  return kept
}

/** Nodes that follow one another are one block and share columns; so do settings. */
function blocks(items: readonly Item[]): Item[][] {
  const blocks: Item[][] = []
  for (const item of items) {
    const last = blocks.at(-1)
    if (last && last[0]!.kind === item.kind) last.push(item)
    else blocks.push([item])
  }
  return blocks
}

/** The lines of a block, without comments. */
function layOut(block: readonly Item[]): string[] {
  const rows = block.map(item => {
    return item.kind === 'node' ? [item.role, ...fields.map(field => nodeText(item, field))] : [plainLine(item)]
  })
  const widths: number[] = []
  for (const row of rows) {
    row.forEach(({ length }, column) => {
      widths[column] = Math.max(widths[column] ?? 0, length > maxColumn && column !== keyColumn ? 0 : length)
    })
  }
  return rows.map(row => {
    const cells = row.map((text, column) => text.padEnd(widths[column]!))
    return cells
      .filter(cell => cell !== '')
      .join(' ')
      .trimEnd()
  })
}

function plainLine(item: Exclude<Item, NodeItem>): string {
  if (item.kind === 'blank') return ''
  return item.kind === 'comment' ? item.text : `${item.name} ${settingText(item)}`
}

function commentOf(item: Item): string | undefined {
  return 'comment' in item ? item.comment : undefined
}

function behind(line: string, comment: string | undefined): string {
  return comment === undefined ? line : `${line}  ${comment}`
}

/**
 * What stands before `nodes:`, and what below. A setting among the nodes moves up, with the comment lines right above it;
 * comment lines right above the first node go below.
 */
function split(items: readonly Item[]): { before: Exclude<Item, NodeItem>[]; nodes: Exclude<Item, SettingItem>[] } {
  const first = items.findIndex(item => item.kind === 'node')
  const before: Exclude<Item, NodeItem>[] = []
  const nodes: Exclude<Item, SettingItem>[] = []
  items.forEach((item, index) => {
    if (index === first) nodes.push(...popComments(before))
    if (item.kind === 'setting') before.push(...popComments(first < 0 || index < first ? before : nodes), item)
    else if (item.kind === 'node' || (first >= 0 && index > first)) nodes.push(item)
    else before.push(item)
  })
  return { before, nodes: squeeze(nodes) }
}

/** Takes the comment lines off the end. */
function popComments(items: Item[]): CommentItem[] {
  const from = items.findLastIndex(item => item.kind !== 'comment') + 1
  return items.splice(from) as CommentItem[]
}
