// What comes through the pipe where a key was expected.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const bin = join(import.meta.dirname, '../../bin/wh')
const expected = 'on standard input, where a private key was expected'

const table: [string, string | Buffer, number, string][] = [
  ['nothing', '', 2, `nothing ${expected}`],
  ['blanks', ' \n\t\n', 2, `nothing ${expected}`],
  ['two words', 'two keys', 1, 'one key was expected on standard input, and there are 2 words'],
  ['two lines', 'two\nkeys\n', 1, 'one key was expected on standard input, and there are 2 words'],
  ['bytes that are not UTF-8', Buffer.from([0xff, 0xfe, 0x41]), 1, `bytes that are not text ${expected}`],
  ['a key in its 32 bytes', Buffer.alloc(32, 1), 1, `bytes that are not text ${expected}`],
  ['a long text', 'x'.repeat(65_537), 1, `more than 65536 bytes ${expected}`],
  ['a word', 'é', 1, 'not a private key: "é" is not a character of base64'],
]
for (const [name, input, code, said] of table) {
  test(`${name} on standard input`, () => {
    const { status, stdout, stderr } = spawnSync(bin, ['pubkey'], { input, encoding: 'utf8' })
    assert.deepEqual([status, stdout, stderr], [code, '', `wh pubkey: ${said}\n`])
  })
}

test('a key is found among blanks', () => {
  const input = '\ufeff \r\nkKZzuIm11zkBSHL9ETRwEthIBbLTvz840F/k4mhI/Hs=\r\n\r\n'
  assert.equal(spawnSync(bin, ['workbit'], { input, encoding: 'utf8' }).stdout, '8\n')
})

for (const [path, said] of [
  ['/dev/zero', `more than 65536 bytes ${expected}`],
  ['/proc/self/mem', 'cannot read standard input: i/o error'],
] as const) {
  test(`standard input from ${path}`, () => {
    const fd = openSync(path, 'r')
    const { status, stderr } = spawnSync(bin, ['pubkey'], { stdio: [fd, 'pipe', 'pipe'], encoding: 'utf8' })
    closeSync(fd)
    assert.deepEqual([status, stderr], [1, `wh pubkey: ${said}\n`])
  })
}
