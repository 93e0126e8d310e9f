/**
 * A wg-quick file as it is written: its sections, what they set, and the comments that may name a peer. The grammar is that of wg(8)
 * and wg-quick(8): `Key = value` in any case, `#` begins a comment wherever it stands, `[Peer]` as often as there are peers.
 *
 * Read here and not by a package for INI: those make one section of all that have the same name, and keep no lines.
 */

import { splitLines, type Word } from '../network/document.ts'
import { nearest, quote, type Report } from '../network/problem.ts'

const keys = {
  Interface: [
    'PrivateKey',
    'ListenPort',
    'FwMark',
    'Address',
    'DNS',
    'MTU',
    'Table',
    'PreUp',
    'PostUp',
    'PreDown',
    'PostDown',
    'SaveConfig',
  ],
  Peer: ['PublicKey', 'PresharedKey', 'AllowedIPs', 'Endpoint', 'PersistentKeepalive'],
} as const

export type SectionKind = keyof typeof keys
export type SettingKey = (typeof keys)[SectionKind][number]

const kinds = Object.keys(keys) as SectionKind[]
/** What stands for a secret, whatever else is wrong with its line. */
const secretKeys: readonly SettingKey[] = ['PrivateKey', 'PresharedKey']

export type Setting = { readonly key: SettingKey; readonly at: Word; readonly value: Word }

export type Section = {
  readonly kind: SectionKind
  readonly at: Word
  readonly settings: Setting[]
  /** Comments that stand where people write whose section it is, without their `#`; the likeliest first. */
  readonly comments: string[]
  /** All other comments of the section. */
  readonly remarks: string[]
}

/** What stands in the text. What is wrong is reported and left out. */
export function readSections(text: string, report: Report): Section[] {
  const sections: Section[] = []
  // `null` below a heading that is none: what is wrong there is that
  let section: Section | null | undefined
  const outside: Word[] = []
  // comment lines that may belong to the section below or to the one above
  let pending: string[] = []
  const settle = () => {
    // between `[Peer]` and what it sets is a place for a name
    if (section) (section.settings.length === 0 ? section.comments : section.remarks).push(...pending)
    pending = []
  }
  splitLines(text.replace(/^\ufeff/, '')).forEach((raw, index) => {
    const { word, comment } = split(raw, index + 1)
    if (word.text === '' && comment !== undefined) pending.push(comment)
    else if (word.text.startsWith('[')) {
      const kind = kindOf(word, report)
      const comments = [...(comment === undefined ? [] : [comment]), ...pending.reverse()]
      section = kind && { kind, at: word, settings: [], comments, remarks: [] }
      if (section) sections.push(section)
      pending = []
    } else {
      settle()
      if (section && comment !== undefined) section.remarks.push(comment)
      if (word.text === '' || section === null) return
      if (section) readSetting(word, section, report)
      else outside.push(word)
    }
  })
  settle()
  // a file of another kind is not told so for each of its lines
  if (outside[0] && sections.length > 0) {
    const hint = 'write [Interface] above what this machine has'
    report({ severity: 'error', ...shownPart(outside[0]), message: 'this line stands in no section', hint })
  }
  return sections
}

/** The line without its comment and the blanks around. */
function split(raw: string, line: number): { word: Word; comment: string | undefined } {
  const hash = raw.indexOf('#')
  const said = hash < 0 ? raw : raw.slice(0, hash)
  const text = said.trim()
  const column = said.length - said.trimStart().length + 1
  const comment =
    hash < 0
      ? undefined
      : raw
          .slice(hash)
          .replace(/^#+|#+\s*$/g, '')
          .trim()
  return { word: { text, line, column, length: text.length }, comment }
}

function kindOf(word: Word, report: Report): SectionKind | null {
  const name = word.text.replace(/^\[|\]$/g, '').toLowerCase()
  const kind = kinds.find(kind => word.text.toLowerCase() === `[${kind.toLowerCase()}]`)
  if (kind) return kind
  const meant = closest(name, kinds)
  const hint = meant ? `write: [${meant}]` : 'a wg-quick file has [Interface] once, and a [Peer] for each peer'
  report({ severity: 'error', ...word, message: `unknown section ${quote(word.text)}`, hint })
  return null
}

function readSetting(word: Word, section: Section, report: Report): void {
  const sign = word.text.indexOf('=')
  // the last sign of a key is one, too
  const equals = keyLike.test(word.text.slice(0, Math.max(0, sign))) ? -1 : sign
  const name = word.text.slice(0, Math.max(0, equals)).trimEnd()
  // wg takes blanks out of a line before it reads it
  const lower = name.replace(/\s/g, '').toLowerCase()
  const key = keys[section.kind].find(key => key.toLowerCase() === lower)
  if (!key || equals < 0) {
    report({ severity: 'error', ...shownPart(word), ...misread(equals < 0 ? null : name, lower, section.kind) })
    return
  }
  const rest = word.text.slice(equals + 1)
  const text = rest.trim()
  const column = word.column + equals + 1 + rest.length - rest.trimStart().length
  const at = { ...word, text: name, length: name.length }
  section.settings.push({ key, at, value: { text, line: word.line, column, length: text.length } })
}

function misread(name: string | null, lower: string, kind: SectionKind): { message: string; hint: string } {
  if (name === null) {
    return { message: 'neither a section nor `Key = value`', hint: 'is this a comment? Then write # before it' }
  }
  return { message: `unknown key ${quote(name)} in [${kind}]`, hint: keyHint(lower, kind) }
}

/** A key, or one that lost some characters. */
const keyLike = /[\w+/-]{40,}=?/

/** The line, or only the secret in it, which is then shown nowhere: the name before it may be misspelt. */
function shownPart(word: Word): Word & { secret?: boolean } {
  const { 0: text, index } = keyLike.exec(word.text) ?? { 0: '', index: 0 }
  return text === '' ? word : { ...word, text, column: word.column + index, length: text.length, secret: true }
}

function keyHint(lower: string, kind: SectionKind): string {
  const other = kinds.find(other => other !== kind)!
  const elsewhere = keys[other].find(key => key.toLowerCase() === lower)
  if (elsewhere) return `${elsewhere} stands in [${other}]`
  const meant = closest(lower, keys[kind])
  return meant ? `write: ${meant} = …` : `wg-quick does not know it; its keys here: ${keys[kind].join(', ')}`
}

function closest<T extends string>(lower: string, candidates: readonly T[]): T | undefined {
  const near = nearest(
    lower,
    candidates.map(candidate => candidate.toLowerCase()),
  )
  return candidates.find(candidate => candidate.toLowerCase() === near)
}

export function isSecret({ key }: Setting): boolean {
  return secretKeys.includes(key)
}
