import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const bin = join(import.meta.dirname, '../../../bin/wh')
const remedy = '  wh up FILE brings a network up; wh show lists what is up\n'

test('where nothing is up, it says so', {
  skip: process.geteuid?.() === 0 ? false : 'needs root, for a network namespace',
}, () => {
  for (const [args, said] of [
    [[], 'no network is up'],
    [['all'], 'no network is up'],
    [['--json'], 'no network is up'],
    [['office'], 'no network, interface or file office is up'],
  ] as const) {
    const { status, stdout, stderr } = spawnSync('unshare', ['--net', bin, 'inspect', ...args], { encoding: 'utf8' })
    assert.deepEqual([status, stdout, stderr], [4, '', `wh inspect: ${said}\n${remedy}`])
  }
})

test('how it is not used', () => {
  for (const [args, said] of [
    [['a', 'b'], 'Unexpected argument: b'],
    [['--yaml'], 'Nonexistent flag: --yaml'],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(bin, ['inspect', ...args], { encoding: 'utf8' })
    assert.deepEqual(
      [status, stdout, stderr],
      [2, '', `wh inspect: ${said}\n  wh inspect --help shows how it is used\n`],
    )
  }
})
