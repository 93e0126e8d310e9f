/** A phrase as it is to be written on paper, with what else the key follows from. */

import type { Wish } from '../../protocol/identity/derived.ts'

const columns = 4

/** Six lines of four words, read from left to right. */
export function phraseTable(words: readonly string[]): string[] {
  const width = Math.max(...words.map(word => word.length))
  const cells = words.map((word, i) => `${String(i + 1).padStart(2)} ${word.padEnd(width)}`)
  return Array.from({ length: Math.ceil(cells.length / columns) }, (_, line) => {
    return `  ${cells.slice(line * columns, (line + 1) * columns).join('  ')}`.trimEnd()
  })
}

export function phraseNote(words: readonly string[], wish: Wish): string {
  const { workbit, namespace, label } = wish
  const restore = [
    'wh genkey phrase restore workbit',
    workbit,
    ...(namespace === 'public' ? [] : ['namespace', namespace]),
  ]
  return [
    'Write these words on paper, in this order. Who has them has the key, and they are not shown again:',
    '',
    ...phraseTable(words),
    '',
    'and with them this command, which asks for the words and prints the key; another workbit or namespace gives another:',
    '',
    `  ${[...restore, ...(label === '' ? [] : ['label', label])].join(' ')}`,
    '',
  ].join('\n')
}
