import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemFiles as files } from '../../src/os/files.ts'

const folder = mkdtempSync(join(tmpdir(), 'wh-files-'))
after(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

test('what does not exist reads as null, what cannot be read throws', () => {
  assert.equal(files.read(at('none')), null)
  assert.equal(files.read(at('none/deeper')), null)
  assert.equal(files.info(at('none')), null)
  assert.deepEqual(files.list(at('none')), [])
  assert.throws(() => files.read(folder), { code: 'EISDIR' })
})

test('writing replaces the file, keeps its mode, and leaves nothing beside it', () => {
  writeFileSync(at('a'), 'old')
  chmodSync(at('a'), 0o640)
  const { ino } = statSync(at('a'))
  files.write(at('a'), 'new')
  assert.equal(readFileSync(at('a'), 'utf8'), 'new')
  assert.equal(statSync(at('a')).mode & 0o777, 0o640)
  assert.notEqual(statSync(at('a')).ino, ino)
  assert.deepEqual(readdirSync(folder), ['a'])
})

test('a mode that is asked for is set', () => {
  files.write(at('secret'), 'x', { mode: 0o600 })
  assert.equal(files.info(at('secret'))?.mode, 0o600)
})

test('a log grows, is for us alone, and starts anew beyond its limit', () => {
  const path = at('log/x.log')
  files.appender(path, 100)('one\n')
  files.appender(path, 100)('two\n')
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  files.appender(path, 4)('three\n')
  assert.equal(readFileSync(path, 'utf8'), 'three\n')
})

test('a symbolic link is told', () => {
  symlinkSync('../somewhere', at('link'))
  assert.equal(files.link(at('link')), '../somewhere')
  assert.equal(files.link(at('a')), null)
})
