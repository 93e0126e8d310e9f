// The documents, checked: generated pages are up to date, links lead somewhere, examples are commands that exist, and the tables
// that repeat something of the code repeat it correctly.

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { exit } from '../../src/base/failure.ts'
import { keywordsToFlags } from '../../src/cli/command.ts'
import { described, pages, root } from './reference.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const documents = globSync(['*.md', 'docs/**/*.md', 'config/**/*.md', 'docker/*.md'], { cwd: root })

for (const [path, page] of Object.entries(pages)) {
  test(`${path} is what the code says`, () => assert.equal(read(path), page(), 'run: npm run docs'))
}

test('there are documents to look at', () => assert.ok(documents.length > 15, documents.join(' ')))

/** As hosting sites make them from headings. */
const anchorsOf = (text: string) =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  )

const isFence = (line: string) => line.trimStart().startsWith('```')

/** The lines of a document, and whether each stands in a code block. */
function linesOf(text: string): { line: string; code: boolean }[] {
  let code = false
  return text.split('\n').map(line => {
    if (isFence(line)) code = !code
    return { line, code }
  })
}

for (const path of documents) {
  const text = read(path)
  const prose = linesOf(text).filter(({ code }) => !code)

  test(`${path}: links lead to files and headings that exist`, () => {
    const links = prose.flatMap(({ line }) => [...line.matchAll(/\]\(([^)\s]+)\)/g)].map(match => match[1]!))
    for (const link of links) {
      if (/^https?:/.test(link)) continue
      const [file, anchor] = link.split('#')
      const target = file === '' ? path : join(dirname(path), file!)
      assert.ok(existsSync(join(root, target)), `${link}: no file ${target}`)
      if (anchor) assert.ok(anchorsOf(read(target)).includes(anchor), `${link}: no such heading`)
    }
  })

  test(`${path}: every wh command in a code block exists, with its options`, () => {
    for (const { line, code } of linesOf(text)) {
      const typed = /^\s*[a-z]?[$#] (.+)$/.exec(line)?.[1]
      if (code && typed) for (const words of invocations(typed)) assert.equal(complaint(words), null, line)
    }
  })
}

/** The words after `wh` in each `wh …` of a shell line. */
function invocations(typed: string): string[][] {
  const simple = typed.replace(/\s#.*$/, '').replace(/[<>]\s*\S+/g, '')
  return simple
    .split(/[|;&()]+/)
    .map(part => part.trim().split(/\s+/))
    .map(words => (words[0] === 'sudo' ? words.slice(1) : words))
    .map(words => (/^\w+=/.test(words[0]!) ? words.slice(1) : words))
    .filter(words => words[0] === 'wh')
    .map(words => words.slice(1))
}

/** What `wh` would refuse in these words, or `null`. */
function complaint([name, ...words]: string[]): string | null {
  if (name === undefined || /^--(help|version)$|^-[hV]$/.test(name)) return null
  const command = Object.hasOwn(described, name) ? described[name] : undefined
  if (!command) return `no command ${name}`
  const { args, flags } = command
  const chars = Object.values(flags).flatMap(({ char }) => (char ? [`-${char}`] : []))
  let files = 0
  for (const word of keywordsToFlags(words, flags)) {
    if (word === '--help' || word === '-h' || chars.includes(word)) continue
    const [flag, value] = word.replace(/^--/, '').split('=')
    // `-` alone is standard input
    if (word === '-' || !word.startsWith('-')) files++
    else if (!word.startsWith('--') || !Object.hasOwn(flags, flag!)) return `wh ${name} has no ${word}`
    else if ((flags[flag!]!.type === 'option') !== (value !== undefined)) return `wh ${name}: value of ${word}`
  }
  const required = Object.values(args).filter(arg => arg.required).length
  if (files > Object.keys(args).length) return `wh ${name}: too many words`
  return files < required ? `wh ${name}: something is missing` : null
}

test('the check of commands finds what is wrong', () => {
  const wrong = [
    'wh foo',
    'wh up',
    'wh up a b',
    'wh up a --nope',
    'wh up a -x',
    'wh check a write',
    'wh up a interface',
  ]
  for (const line of wrong) assert.notEqual(complaint(invocations(line)[0]!), null, line)
  const right = ['wh', 'sudo wh up a private-key sk -v', 'cat x | wh pubkey', '(umask 077; wh genkey workbit 9 > k)']
  for (const line of right) assert.equal(complaint(invocations(line)[0]!), null, line)
})

/** The object literal of a constant in test/architecture.test.ts. */
function tableOf(name: string): Record<string, string[]> {
  const source = read('test/architecture.test.ts')
  const literal = new RegExp(`^const ${name}\\b[^=]*= (\\{[\\s\\S]*?\\n\\})`, 'm').exec(source)![1]
  return new Function(`return ${literal}`)()
}

/** The rows of a document's tables, cells without their quotes. */
const rowsOf = (path: string) =>
  read(path)
    .split('\n')
    .filter(line => line.startsWith('| '))
    .map(line => line.split('|').map(cell => cell.trim().replaceAll('`', '')))

test('docs/architecture.md has the tables of test/architecture.test.ts', () => {
  const rows = rowsOf('docs/architecture.md')
  for (const [name, may] of Object.entries({ ...tableOf('MAY'), ...tableOf('PACKAGES') })) {
    const row = rows.find(cells => cells[1] === name)
    assert.ok(row, `no row for ${name}`)
    assert.deepEqual(
      row[2]!.split(/[ ,]+/).filter(word => word !== '' && word !== 'nothing'),
      may,
      name,
    )
  }
})

test('docs/development.md gives a reason for every dependency, and names no other', () => {
  const { dependencies, optionalDependencies, devDependencies } = JSON.parse(read('package.json'))
  const all = { ...dependencies, ...optionalDependencies, ...devDependencies }
  const named = rowsOf('docs/development.md').flatMap(cells => cells[1]!.split(', '))
  for (const name of Object.keys(all)) assert.ok(named.includes(name), name)
  for (const name of named) if (/^@|libp2p/.test(name)) assert.ok(name in all, `${name} is no dependency`)
})

test('docs/reference/exit-codes.md has every exit status', () => {
  const rows = rowsOf('docs/reference/exit-codes.md')
  for (const status of Object.values(exit))
    assert.ok(
      rows.some(cells => cells[1] === String(status)),
      String(status),
    )
})

test('docs/reference/log-fields.md has the fields that are logged', () => {
  const logged = new Set<string>()
  for (const path of globSync('src/**/*.ts', { cwd: root })) {
    for (const [, fields] of read(path).matchAll(/\blog\.(?:debug|info|warn|error)\([^{}\n]*\{([^}\n]+)\}\)/g)) {
      for (const field of fields!.replace(/\([^()]*\)/g, '').split(',')) logged.add(field.split(':')[0]!.trim())
    }
  }
  const rows = rowsOf('docs/reference/log-fields.md').map(cells => cells[1]!)
  const documented = rows.slice(rows.indexOf('field') + 2)
  assert.ok(logged.size > 3)
  assert.deepEqual([...logged].sort(), documented.sort())
})
