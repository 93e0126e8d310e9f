/**
 * A network file as it is written: every line with its own line end, and what each says. Both syntaxes are read into the
 * same items, so that checking and formatting exist once.
 *
 *     text ── conf.ts or yaml.ts ──> Item[] ── check.ts ──> Network
 *                                      └───── format.ts ──> text
 */

import { formatPrefix } from '../../base/ip.ts'
import { defaults, type Network, type NodeEntry, type Role } from './types.ts'
import { endpointText } from './values.ts'

export type Syntax = 'conf' | 'yaml'

export const settings = ['name', 'namespace', 'subnet', 'workbit'] as const
export type SettingName = (typeof settings)[number]

export const roles = ['boot', 'peer', 'trust', 'router', 'alias', 'admin'] as const satisfies readonly Role[]

/** In the order in which they are written. */
export const fields = ['hostname', 'address', 'key', 'endpoint'] as const
export type Field = (typeof fields)[number]

/** A word and where it stands: line and column from 1, `length` in the source. */
export type Word = {
  readonly text: string
  readonly line: number
  readonly column: number
  readonly length: number
}

type Statement = {
  /** The directive, in YAML the key or the role's value. */
  readonly at: Word
  /** The comment behind it, `#` included. */
  readonly comment?: string | undefined
  /** First and last line. */
  readonly from: number
  readonly to: number
}

export type SettingItem = Statement & {
  readonly kind: 'setting'
  readonly name: SettingName
  readonly value: Word
}

export type NodeItem = Statement & {
  readonly kind: 'node'
  readonly role: Role
  readonly words: { readonly [field in Field]?: Word }
  /** Shares its lines with something else (YAML in flow style): cannot be edited line by line. */
  readonly inline: boolean
}

export type CommentItem = { readonly kind: 'comment'; readonly text: string }

export type Item = { readonly kind: 'blank' } | CommentItem | SettingItem | NodeItem

export type Document = {
  readonly syntax: Syntax
  /** Joined they are the file, byte for byte. */
  readonly lines: readonly string[]
  readonly items: readonly Item[]
}

export function splitLines(text: string): string[] {
  return text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? []
}

export function documentText(document: Document): string {
  return document.lines.join('')
}

export function nodesOf(document: Document): NodeItem[] {
  return document.items.filter(item => item.kind === 'node')
}

/** YAML by the extension; everything else is the line form. */
export function syntaxOf(file: string): Syntax {
  return /\.ya?ml$/i.test(file) ? 'yaml' : 'conf'
}

/** A document for a network that comes from no file. */
export function documentOf(network: Network): Document {
  const items: Item[] = [setting('name', network.name)]
  if (network.namespace !== defaults.namespace) items.push(setting('namespace', network.namespace))
  if (network.subnet) items.push(setting('subnet', formatPrefix(network.subnet)))
  items.push(setting('workbit', String(network.workbit)))
  items.push(...network.nodes.map(nodeItem))
  return { syntax: 'conf', lines: [], items }
}

export function nodeItem(entry: NodeEntry): NodeItem {
  const texts = { ...entry, endpoint: entry.endpoint && endpointText(entry.endpoint) }
  const written = fields.filter(field => texts[field] !== undefined)
  const words = Object.fromEntries(written.map(field => [field, unplaced(texts[field]!)]))
  return { kind: 'node', role: entry.role, at: unplaced(entry.role), words, from: 0, to: 0, inline: false }
}

function setting(name: SettingName, value: string): SettingItem {
  return { kind: 'setting', name, at: unplaced(name), value: unplaced(value), from: 0, to: 0 }
}

function unplaced(text: string): Word {
  return { text, line: 0, column: 0, length: text.length }
}
