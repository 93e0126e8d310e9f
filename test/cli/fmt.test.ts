import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
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
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../bin/wh', import.meta.url))
const rough = 'name  net # why\npeer\tKJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4 x:62096\n'
const conf = 'name net  # why\npeer KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4 x\n'
const yaml =
  'name: net  # why\nnodes:\n  - role: peer\n    key: KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4\n    endpoint: x\n'

let dir: string
const at = (name: string) => join(dir, name)
const read = (name: string) => readFileSync(at(name), 'utf8')
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wh-fmt-'))
  writeFileSync(at('net.conf'), rough)
})
afterEach(() => rmSync(dir, { recursive: true }))

function fmt(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(bin, ['fmt', ...args], { cwd: dir, encoding: 'utf8' })
}

test('without write the result is printed, in either syntax', () => {
  assert.deepEqual(
    [fmt('net.conf').stdout, fmt('net.conf', 'to', 'yaml').stdout, read('net.conf')],
    [conf, yaml, rough],
  )
})

test('with write the file is replaced, and keeps its mode and its links', () => {
  chmodSync(at('net.conf'), 0o640)
  symlinkSync('net.conf', at('link.conf'))
  const { status, stdout, stderr } = fmt('link.conf', '--write')
  assert.deepEqual([status, stdout, stderr, read('net.conf')], [0, '', '', conf])
  assert.equal(statSync(at('net.conf')).mode & 0o777, 0o640)
  assert.ok(lstatSync(at('link.conf')).isSymbolicLink())
  assert.deepEqual(readdirSync(dir).sort(), ['link.conf', 'net.conf'])
})

test('a file in canonical form is not written again', () => {
  writeFileSync(at('net.conf'), conf)
  const before = statSync(at('net.conf')).ino
  assert.equal(fmt('net.conf', 'write').status, 0)
  assert.equal(statSync(at('net.conf')).ino, before)
})

test('with another syntax the result is written beside the file, and over nothing', () => {
  const first = fmt('net.conf', 'to', 'yaml', 'write')
  assert.deepEqual(
    [first.status, first.stdout, read('net.yaml'), read('net.conf')],
    [0, 'wrote net.yaml\n', yaml, rough],
  )
  const second = fmt('net.yaml', 'to', 'conf', 'write')
  assert.equal(second.status, 1)
  assert.match(second.stderr, /^wh fmt: net.conf exists already, and is left as it is\n/)
  assert.equal(read('net.conf'), rough)
})

test('a file with errors is refused with all of them, and stays as it is', () => {
  const wrong = `${rough}trust x\npeer y\n`
  writeFileSync(at('net.conf'), wrong)
  const { status, stdout, stderr } = fmt('net.conf', 'write')
  assert.deepEqual([status, stdout, read('net.conf')], [1, '', wrong])
  assert.match(stderr, /^wh fmt: 2 errors in net.conf\nnet.conf:3:7: error: trust without a key\n/)
})

test('a place that may not be written is refused, and a name that is too long', () => {
  chmodSync(dir, 0o555)
  // root writes everywhere
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  for (const [args, path] of [
    [['net.conf', 'to', 'yaml', 'write'], 'net.yaml'],
    [['net.conf', 'write'], 'net.conf'],
  ] as const) {
    chmodSync(at('net.conf'), 0o444)
    const { status, stdout, stderr } = spawnSync(bin, ['fmt', ...args], { cwd: dir, encoding: 'utf8', ...user })
    assert.deepEqual([status, stdout, stderr], [3, '', `wh fmt: cannot write ${path}: permission denied\n`])
  }
  assert.deepEqual([readdirSync(dir), read('net.conf')], [['net.conf'], rough])
  chmodSync(dir, 0o755)
  const long = 'x'.repeat(255)
  writeFileSync(at(long), rough)
  const { status, stderr } = fmt(long, 'to', 'yaml', 'write')
  assert.deepEqual([status, stderr], [1, `wh fmt: cannot write ${long}.yaml: name too long\n`])
})

test('an unknown syntax is a mistake in the command line', () => {
  assert.equal(fmt('net.conf', 'to', 'toml').status, 2)
})
