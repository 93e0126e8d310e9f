// What the command line says to a slip of the fingers.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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
  ['pubkey foo', 'wh pubkey: Unexpected argument: foo'],
  ['pubkey foo up', 'wh pubkey: Unexpected arguments: foo, up'],
]
for (const [typed, said] of table) {
  test(`wh ${typed}`, () => {
    const { status, stdout, stderr } = wh(...typed.split(' '))
    const command = typed.split(' ')[0]
    assert.deepEqual([status, stdout, stderr], [2, '', `${said}\n  wh ${command} --help shows how it is used\n`])
  })
}

test('a command that is none is named alone, with the one that was meant', () => {
  for (const [typed, said] of [
    ['shwo', '"shwo"; did you mean show?'],
    ['chekc net.conf', '"chekc"; did you mean check?'],
    ['up:down', '"up:down"'],
  ] as const) {
    const { status, stderr } = wh(...typed.split(' '))
    assert.deepEqual([status, stderr], [2, `wh: there is no command ${said}\n  wh --help lists the commands\n`])
  }
})

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

test('no plugins come from a home folder', () => {
  const data = join(folder, 'data')
  mkdirSync(join(data, 'wh'), { recursive: true })
  writeFileSync(join(data, 'wh/package.json'), 'not JSON')
  const { status, stderr } = spawnSync(bin, ['--help'], {
    encoding: 'utf8',
    env: { ...process.env, XDG_DATA_HOME: data },
  })
  assert.deepEqual([status, stderr], [0, ''])
})
