/**
 * YAML as a tree of words with their places in the text, out of the events of `js-yaml`. Only what a network file needs:
 * one document of mappings, lists and words; anchors, aliases and tags are refused, so nothing can multiply itself.
 */

import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml'
import type { Word } from './document.ts'
import type { Report } from './problem.ts'

export type Scalar = {
  readonly kind: 'word'
  readonly word: Word
  /** Goes over several lines. */
  readonly long: boolean
}
export type Mapping = {
  readonly kind: 'mapping'
  readonly at: Word
  /** One value for each key, in the order of the text. */
  readonly pairs: readonly { readonly key: Word; readonly value: Tree }[]
  readonly flow: boolean
}
export type List = {
  readonly kind: 'list'
  readonly at: Word
  readonly values: readonly Tree[]
  readonly flow: boolean
}
export type Tree = Scalar | Mapping | List

export type Comment = { readonly text: string; readonly line: number; readonly alone: boolean }

/** Deeper than any network file, so that a wrong nesting is told by its meaning; flat enough for any stack. */
const maxDepth = 8

type Source = { readonly text: string; readonly starts: readonly number[]; readonly report: Report }

/** The one document's tree, or `null` where there is none or a problem was reported. */
export function readTree(text: string, report: Report): { tree: Tree; comments: Comment[] } | null {
  const source = { text, starts: lineStarts(text), report }
  try {
    const events = parseEvents(text, { maxDepth })
    if (events.length === 0) return null
    if (refuseForeign(events, source)) return null
    return { tree: new Reader(events, source).read(), comments: readComments(events, source) }
  } catch (error) {
    // the parser may also throw what it does not promise; for the person both mean the same
    const { reason, mark } = error instanceof YAMLException ? error : { reason: 'it cannot be parsed', mark: undefined }
    const at = wordAt(source, Math.min(mark?.position ?? 0, text.length), 1)
    const hint = 'write each value on one line behind its name, indented by two spaces below `- `; no tabs'
    report({ severity: 'error', ...at, message: `not YAML: ${reason}`, hint })
    return null
  }
}

/** Reports what no network file needs. */
function refuseForeign(events: readonly Event[], source: Source): boolean {
  let documents = 0
  let found = false
  const refuse = (offset: number, what: string, hint: string) => {
    found = true
    source.report({ severity: 'error', ...wordAt(source, offset, 1), message: `${what} in a network file`, hint })
  }
  events.forEach((event, index) => {
    if (event.type === EVENT_ID.DOCUMENT && ++documents === 2) {
      const next = events.slice(index).find(event => 'start' in event || 'valueStart' in event)
      const offset = next && ('start' in next ? next.start : 'valueStart' in next ? next.valueStart : 0)
      refuse(Math.max(0, offset ?? 0), 'a second YAML document', 'write one network in each file')
    }
    if (event.type === EVENT_ID.ALIAS) refuse(event.anchorStart, 'a YAML alias', 'write the value out')
    else if ('anchorStart' in event && event.anchorStart >= 0) refuse(event.anchorStart, 'a YAML anchor', 'remove it')
    if ('tagStart' in event && event.tagStart >= 0) refuse(event.tagStart, 'a YAML tag', 'remove it')
  })
  return found
}

class Reader {
  #next = 0
  /** Where an empty value stands: behind what was read before it. */
  #offset = 0
  readonly #events: readonly Event[]
  readonly #source: Source

  constructor(events: readonly Event[], source: Source) {
    this.#events = events
    this.#source = source
  }

  read(): Tree {
    if (this.#events[0]!.type === EVENT_ID.DOCUMENT) this.#next = 1
    return this.#tree()
  }

  #tree(): Tree {
    const event = this.#events[this.#next++]
    if (event?.type === EVENT_ID.MAPPING) {
      const at = this.#at(event.start)
      const pairs: { key: Word; value: Tree }[] = []
      while (!this.#closes()) {
        const key = this.#tree()
        pairs.push({ key: key.kind === 'word' ? key.word : key.at, value: this.#tree() })
      }
      return { kind: 'mapping', at, pairs, flow: event.style !== 1 }
    }
    if (event?.type === EVENT_ID.SEQUENCE) {
      const at = this.#at(event.start)
      const values: Tree[] = []
      while (!this.#closes()) values.push(this.#tree())
      return { kind: 'list', at, values, flow: event.style !== 1 }
    }
    if (event?.type !== EVENT_ID.SCALAR)
      return { kind: 'word', word: wordAt(this.#source, this.#offset, 0), long: false }
    if (event.valueStart < 0) return { kind: 'word', word: { ...this.#at(this.#offset), text: '' }, long: false }
    const place = this.#at(event.valueStart, event.valueEnd - event.valueStart)
    this.#offset = event.valueEnd
    const text = getScalarValue(this.#source.text, event)
    const raw = this.#source.text.slice(event.valueStart, event.valueEnd)
    const long = event.style >= SCALAR_STYLE.LITERAL_BLOCK || /[\r\n]/.test(raw)
    return { kind: 'word', word: { ...place, text }, long }
  }

  #closes(): boolean {
    const event = this.#events[this.#next]
    if (event !== undefined && event.type !== EVENT_ID.POP) return false
    this.#next++
    return true
  }

  #at(offset: number, length = 1): Word {
    this.#offset = Math.max(offset, 0)
    return wordAt(this.#source, this.#offset, length)
  }
}

/** Comments stand between the scalars; a `#` inside a scalar is text. */
function readComments(events: readonly Event[], source: Source): Comment[] {
  const { text } = source
  const comments: Comment[] = []
  const scan = (from: number, to: number) => {
    if (!text.slice(from, to).includes('#')) return
    for (const match of text.slice(from, to).matchAll(/#[^\r\n]*/g)) {
      const offset = from + match.index
      if (offset > 0 && !/\s/.test(text[offset - 1]!)) continue
      const { line, column } = wordAt(source, offset, 1)
      const alone = text.slice(offset - column + 1, offset).trim() === ''
      comments.push({ text: match[0].trimEnd(), line, alone })
    }
  }
  let from = 0
  for (const event of events) {
    if (event.type !== EVENT_ID.SCALAR || event.valueStart < 0) continue
    scan(from, event.valueStart)
    from = event.valueEnd
  }
  scan(from, text.length)
  return comments
}

function lineStarts(text: string): number[] {
  return [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), end => end.index + end[0].length)]
}

function wordAt(source: Source, offset: number, length: number): Word {
  const { starts, text } = source
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (starts[middle]! <= offset) low = middle
    else high = middle
  }
  return { text: text.slice(offset, offset + length), line: low + 1, column: offset - starts[low]! + 1, length }
}
