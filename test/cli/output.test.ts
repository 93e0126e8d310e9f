// A standard output that takes nothing, or not all.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const bin = join(import.meta.dirname, '../../bin/wh')
const folder = mkdtempSync(join(tmpdir(), 'wh-output-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'net.conf'), 'name net\n')
// 1 KiB holds the beginning of it
writeFileSync(join(folder, 'long.conf'), `name long\n${'# a line that takes its place\n'.repeat(100)}`)

/** Of a shell's line, with `"$0"` for `wh`. */
function sh(line: string): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' }
  return spawnSync('sh', ['-c', line, bin], { cwd: folder, encoding: 'utf8', env })
}

const secret = 'kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F/k4mhI/Ek='
for (const command of ['genkey workbit 0', 'pubkey', 'fmt net.conf', 'check net.conf', '--help', '--version']) {
  for (const [where, words] of [
    ['>/dev/full', 'no space left on device'],
    ['>&-', 'bad file descriptor'],
  ]) {
    test(`wh ${command} ${where} fails and says why`, () => {
      const { status, stdout, stderr } = sh(`echo ${secret} | "$0" ${command} ${where}`)
      assert.deepEqual([status, stdout, stderr], [1, '', `wh: cannot write to standard output: ${words}\n`])
    })
  }
}

test('a command that failed by itself keeps its status, and one that writes nothing does not mind', () => {
  assert.equal(sh('"$0" up >/dev/full').status, 2)
  const { status, stderr } = sh('"$0" fmt net.conf write >&-')
  assert.deepEqual([status, stderr], [0, ''])
})

test('a file that takes only a part is a failure', () => {
  const { status, stderr } = sh(`trap '' XFSZ; ulimit -f 1; "$0" fmt long.conf >part`)
  assert.deepEqual([status, stderr], [1, 'wh: cannot write to standard output: file too large\n'])
  assert.ok(statSync(join(folder, 'part')).size > 0)
})

test('all of a long text goes into a file, and after what is there', () => {
  assert.equal(sh('"$0" fmt long.conf >all; "$0" fmt long.conf >>all').status, 0)
  assert.equal(statSync(join(folder, 'all')).size, 2 * sh('"$0" fmt long.conf').stdout.length)
})

test('a reader that goes away early is no error', () => {
  const line = (command: string) => `{ "$0" ${command}; echo $? >&2; } | true`
  for (const command of ['--help', 'fmt long.conf', 'genkey workbit 0']) {
    const { stderr } = sh(line(command))
    assert.equal(stderr, '0\n', command)
  }
})
