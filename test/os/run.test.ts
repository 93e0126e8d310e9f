import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemPrograms as programs } from '../../src/os/run.ts'

test('status, output and errors come back', async () => {
  assert.deepEqual(await programs.run(['sh', '-c', 'echo out; echo err >&2; exit 3']), {
    code: 3,
    out: 'out\n',
    err: 'err\n',
  })
})

test('input can be opened again as /dev/stdin, which a socket could not', async () => {
  assert.equal((await programs.run(['cat', '/dev/stdin'], { input: 'secret ß' })).out, 'secret ß')
})

test('input has no name in any folder while it is read', async () => {
  const { out } = await programs.run(['readlink', '/proc/self/fd/0'], { input: 'secret' })
  assert.match(out, /\(deleted\)$/m)
})

test('no shell stands between', async () => {
  assert.equal((await programs.run(['echo', '$HOME; `id` && true'])).out, '$HOME; `id` && true\n')
})

test('a program that is not there is told, not thrown', async () => {
  assert.deepEqual(await programs.run(['no-such-program-here']), {
    code: 127,
    out: '',
    err: 'no-such-program-here: not installed',
  })
})

test('programs speak English, so that what they say can be understood', async () => {
  assert.equal((await programs.run(['sh', '-c', 'echo $LC_ALL'])).out, 'C\n')
})

test('large input and output pass whole', async () => {
  const input = 'x'.repeat(3_000_000)
  assert.equal((await programs.run(['cat'], { input })).out.length, input.length)
})
