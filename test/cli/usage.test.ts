// What the command line says to a slip of the fingers.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const bin = join(import.meta.dirname, '../../bin/wh')
const folder = mkdtempSync(join(tmpdir(), 'wh-usage-'))
after(() => rmSync(folder, { recursive: true }))
const wh = (...args: string[]) => spawnSync(bin, args, { encoding: 'utf8', cwd: folder })

const table: [string, string][] = [
  ['up', 'wh up: Missing 1 required arg: FILE the network file'],
  ['up a b', 'wh up: Unexpected argument: b'],
  [
    'up a listen-port 99999',
    'wh up: Parsing --listen-port Expected an integer less than or equal to 65535 but received: 99999',
  ],
  ['fmt a to toml', 'wh fmt: Expected --to=toml to be one of: conf, yaml'],
  ['show --jsom', 'wh show: Nonexistent flag: --jsom'],
]
for (const [typed, said] of table) {
  test(`wh ${typed}`, () => {
    const { status, stdout, stderr } = wh(...typed.split(' '))
    const command = typed.split(' ')[0]
    assert.deepEqual([status, stdout, stderr], [2, '', `${said}\n  wh ${command} --help shows how it is used\n`])
  })
}

test('it runs from any directory, through a symbolic link', () => {
  symlinkSync(bin, join(folder, 'first'))
  symlinkSync('first', join(folder, 'second'))
  const { status, stdout } = spawnSync('./second', ['--version'], { encoding: 'utf8', cwd: folder })
  assert.equal(status, 0)
  assert.match(stdout, /^wh\/\d/)
})

test('help comes in all the ways that people try', () => {
  for (const args of [
    ['up', '--help'],
    ['up', '-h'],
    ['up', 'help'],
    ['help', 'up'],
  ]) {
    const { status, stdout } = wh(...args)
    assert.equal(status, 0, args.join(' '))
    assert.match(stdout, /\$ wh up FILE/, args.join(' '))
  }
})

test('a reader that goes away early is no error', () => {
  const { status, stderr } = spawnSync('sh', ['-c', `${bin} --help | head -1`], { encoding: 'utf8' })
  assert.deepEqual([status, stderr], [0, ''])
})
