// What `lookup`, `ping`, `p2p` and `forget` say where they have nothing to ask. Answers of a daemon are tested in the lab.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { calledPeer } from '../../src/cli/target.ts'

const bin = join(import.meta.dirname, '../../bin/wh')
const commands = ['lookup', 'ping', 'p2p', 'forget']
const key = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4'

/** In a network namespace of its own, where no network of this machine is up. */
function wh(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('unshare', ['--net', bin, ...args], { encoding: 'utf8' })
  return [status, stdout, stderr]
}

const unlessRoot = process.geteuid?.() === 0 ? false : 'needs root, for a network namespace'
const remedy = '  wh up FILE brings a network up; wh show lists what is up\n'

for (const command of commands) {
  test(`wh ${command}: no network is up`, { skip: unlessRoot }, () => {
    for (const args of [['b.test'], [key], ['b.test', '--json'], ['b.test', 'json']]) {
      assert.deepEqual(wh(command, ...args), [4, '', `wh ${command}: no network is up\n${remedy}`])
    }
  })

  test(`wh ${command}: the network that was named is not up`, { skip: unlessRoot }, () => {
    for (const args of [
      ['b.test', 'network', 'office'],
      ['--network=office', 'b.test'],
    ]) {
      const said = `wh ${command}: no network, interface or file office is up\n${remedy}`
      assert.deepEqual(wh(command, ...args), [4, '', said])
    }
  })

  test(`wh ${command}: how it is not used`, () => {
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(bin, [command, ...args], { encoding: 'utf8', input: 'b.test\n' })
      return [status, stdout, stderr]
    }
    const usage = `  wh ${command} --help shows how it is used\n`
    const missing =
      'Missing 1 required arg: NAME hostname, public key or overlay address of a member, or any public key'
    // not even from standard input
    assert.deepEqual(run(), [2, '', `wh ${command}: ${missing}\n${usage}`])
    assert.deepEqual(run('a.test', 'b.test'), [2, '', `wh ${command}: Unexpected argument: b.test\n${usage}`])
    assert.deepEqual(run('a.test', '--network'), [2, '', `wh ${command}: Flag --network expects a value\n${usage}`])
    assert.deepEqual(run('a.test', '--jsom'), [2, '', `wh ${command}: Nonexistent flag: --jsom\n${usage}`])
  })
}

test('`all` is no network to look in', {
  skip: unlessRoot,
}, () => {
  const [status, , said] = wh('lookup', 'b.test', 'network', 'all')
  assert.ok(status === 2 || status === 4, String(status))
  assert.doesNotMatch(String(said), /TypeError/)
})

test('a node is called by its name, else by the beginning of its key', () => {
  assert.equal(calledPeer({ hostname: 'b.test', key }), 'b.test')
  assert.equal(calledPeer({ key }), 'KJ7YGrBeqL…')
})
