/**
 * Names of members out of comments. A wg-quick file has no place for a name, so people and the programs that write such files put
 * it beside or above `[Peer]`: `# alice`, `# Name = alice`, `### Client alice`, `# BEGIN_PEER alice`, `# friendly_name=alice`.
 */

import { readMemberName } from '../network/values.ts'
import type { Section } from './read.ts'

/** More words are a sentence about a peer, and not its name. */
const mostWords = 3
/** A label may have 63 characters, which nobody wants to type. */
const longest = 40

const titles = /^\+?(friendly_?name|name|client|peer|user|host|hostname|device|node|begin|begin_peer)(\s*[:=]\s*|\s+)/i
const named = /^\+?(friendly_?name|name|hostname)\s*[:=]\s*/i

/** The name that the section's comments give, as one label, or `null`. */
export function nameIn({ comments, remarks }: Section, network: string): string | null {
  return nameSaid({ comments, remarks }, network) ?? first(comments, comment => bareName(comment, network))
}

/** The same, but only where the comment says that it is a name: above `[Interface]` stands anything. */
export function nameSaid({ comments, remarks }: Pick<Section, 'comments' | 'remarks'>, network: string): string | null {
  const said = (comment: string) => (named.test(comment) ? labelOf(comment.replace(named, ''), network) : null)
  return first([...comments, ...remarks], said)
}

function bareName(comment: string, network: string): string | null {
  const rest = comment.replace(titles, '')
  // `# Peer 2` is called so
  const text = (/^\d+$/.test(rest) ? comment : rest).replace(/\s*\([^)]*\)\s*$/, '')
  // a setting or a section that is switched off, the end of what stands above, or a word for everybody
  if (/[=[\]]|^end\b|^end_|^(peer|client|user|node)s?$/i.test(text)) return null
  return text.split(/\s+/).length > mostWords ? null : labelOf(text, network)
}

/** The text as one label of a hostname, `null` where nothing is left of it. */
export function labelOf(text: string, network: string): string | null {
  const lower = text.trim().normalize('NFKD').toLowerCase()
  const own = `.${network.toLowerCase()}`
  const label = (lower.endsWith(own) ? lower.slice(0, -own.length) : lower)
    .replace(/[\p{M}'’]/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, longest + 1)
    .replace(/^-+|-+$/g, '')
    .slice(0, longest)
    .replace(/-+$/, '')
  return label === '' ? null : label
}

/** Gives each member a hostname below the network's name that no other has. */
export class Hostnames {
  readonly #domain: string
  readonly #taken = new Set<string>()

  constructor(network: string) {
    this.#domain = labelOf(network, '') ?? 'wg'
  }

  /** A name that was given with its domain. */
  takeWhole(hostname: string): string {
    this.#taken.add(hostname.toLowerCase())
    return hostname
  }

  /** @param otherwise for who has no name, or one that is only digits, like an address */
  take(label: string | null, otherwise: string): string {
    const wanted = label !== null && readMemberName(`${label}.${this.#domain}`).ok ? label : otherwise
    let hostname = `${wanted}.${this.#domain}`
    for (let number = 2; this.#taken.has(hostname); number++) hostname = `${wanted}-${number}.${this.#domain}`
    this.#taken.add(hostname)
    return hostname
  }
}

function first<T>(from: readonly string[], name: (text: string) => T | null): T | null {
  for (const text of from) {
    const found = name(text)
    if (found !== null) return found
  }
  return null
}
