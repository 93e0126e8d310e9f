// Which code `bin/wh` runs: the bundle, and never one that was made of other sources than those that are there.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

const checkout = join(import.meta.dirname, '../..')

const sources = {
  'src/cli/main.ts': `import { what } from '../what.ts'; console.log(what)`,
  'src/what.ts': `export const what: string = 'source'`,
  'src/types.ts': 'export type Nothing = never',
}

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wh-bundle-'))
  symlinkSync(join(checkout, 'node_modules'), join(root, 'node_modules'))
  mkdirSync(join(root, 'bin'))
  cpSync(join(checkout, 'bin/wh'), join(root, 'bin/wh'))
  for (const [path, text] of Object.entries(sources)) write(path, text)
  write('dist/cli/main.js', `console.log('bundle')`)
  const sum = (text: string) => createHash('sha256').update(text).digest('hex')
  write(
    'dist/sources',
    Object.entries(sources)
      .map(([path, text]) => `${sum(text)}  ${path}\n`)
      .join(''),
  )
})
afterEach(() => rmSync(root, { recursive: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function said(): string {
  const { stdout, stderr } = spawnSync(join(root, 'bin/wh'), [], { encoding: 'utf8', cwd: '/' })
  assert.equal(stderr, '')
  return stdout.trim()
}

test('the bundle, where it was made of these sources', () => assert.equal(said(), 'bundle'))

test('the sources, where one has changed, also if it looks as old and as long as before', () => {
  const path = join(root, 'src/what.ts')
  const { atime, mtime } = statSync(path)
  write('src/what.ts', `export const what: string = 'edited'`)
  utimesSync(path, atime, mtime)
  assert.equal(said(), 'edited')
})

test('the sources, where one of the bundle is gone', () => {
  rmSync(join(root, 'src/types.ts'))
  assert.equal(said(), 'source')
})

test('the sources, where there is no bundle, or half of one', () => {
  rmSync(join(root, 'dist/sources'))
  assert.equal(said(), 'source')
  rmSync(join(root, 'dist'), { recursive: true })
  assert.equal(said(), 'source')
})

test('an installation has no sources, and runs the bundle', () => {
  rmSync(join(root, 'src'), { recursive: true })
  assert.equal(said(), 'bundle')
})

test('both say the same', () => {
  const version = (command: string, ...args: string[]) =>
    spawnSync(command, [...args, '--version'], { encoding: 'utf8' }).stdout
  const source = version(process.execPath, join(checkout, 'src/cli/main.ts'))
  assert.match(source, /^wh\/\d/)
  assert.equal(version(join(checkout, 'bin/wh')), source)
})
