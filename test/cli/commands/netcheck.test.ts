import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const bin = join(import.meta.dirname, '../../../bin/wh')
const remedy = '  wh up FILE brings a network up; wh show lists what is up\n'

test('without a network that is up, it is said what to do', {
  skip: process.geteuid?.() === 0 ? false : 'needs root, for a network namespace',
}, () => {
  for (const [args, said] of [
    [['netcheck'], 'wh netcheck: no network is up, and it is its nodes that are asked'],
    [['netcheck', 'office', '--json'], 'wh netcheck: no network, interface or file office is up'],
    [['explain', 'b.test'], 'wh explain: no network is up'],
    [['relay'], 'wh relay: no network is up'],
    [['relay', 'office', '--json'], 'wh relay: no network, interface or file office is up'],
  ] as const) {
    const { status, stdout, stderr } = spawnSync('unshare', ['--net', bin, ...args], { encoding: 'utf8' })
    assert.deepEqual([status, stdout, stderr], [4, '', `${said}\n${remedy}`])
  }
})

test('how they are not used', () => {
  for (const [args, said] of [
    [['netcheck', 'a', 'b'], 'wh netcheck: Unexpected argument: b'],
    [['relay', 'a', 'b'], 'wh relay: Unexpected argument: b'],
    [['explain'], 'wh explain: Missing 1 required arg: NAME'],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(bin, [...args], { encoding: 'utf8' })
    assert.deepEqual([status, stdout], [2, ''])
    assert.ok(stderr.startsWith(said), stderr)
  }
})
