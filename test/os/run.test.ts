import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
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

test('a program that stays gets what is written, line by line, and ends with its input', async () => {
  const lines: string[] = []
  const seen = Promise.withResolvers<void>()
  const child = programs.start(['cat'], {
    onLine: line => {
      lines.push(line)
      if (line === 'two') seen.resolve()
    },
  })
  child.write('one\ntw')
  child.write('o\nrest')
  await seen.promise
  await child.stop()
  assert.deepEqual(lines, ['one', 'two', 'rest'])
  assert.equal(await child.ended, 0)
  child.write('into nothing\n')
  await child.stop()
})

test('errors come apart from output, and a status of its own', async () => {
  const said: string[] = []
  const child = programs.start(['sh', '-c', 'echo out; echo bad >&2; exit 4'], {
    onLine: line => said.push(`out ${line}`),
    onError: line => said.push(`err ${line}`),
  })
  assert.equal(await child.ended, 4)
  assert.deepEqual(said.sort(), ['err bad', 'out out'])
})

test('a program that does not end with its input is killed', async () => {
  const ready = Promise.withResolvers<void>()
  const child = programs.start(['sh', '-c', 'echo up; exec sleep 1000'], { onLine: () => ready.resolve() })
  await ready.promise
  await child.stop()
  assert.equal(await child.ended, 128)
})

test('a program to stay that is not there says so', async () => {
  const said: string[] = []
  const child = programs.start(['no-such-program-here'], { onError: line => said.push(line) })
  assert.equal(await child.ended, 127)
  assert.deepEqual(said, ['no-such-program-here: not installed'])
})

test('a program that stays ends with us, however we end', { timeout: 10_000 }, async () => {
  const module = new URL('../../src/os/run.ts', import.meta.url).href
  const code = `
    const { systemPrograms } = await import(${JSON.stringify(module)})
    systemPrograms.start(['sh', '-c', 'echo $$; exec cat'], { onLine: line => console.log(line) })`
  const parent = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await once(parent.stdout, 'data')
  const pid = Number(String(said))
  assert.ok(existsSync(`/proc/${pid}`))
  parent.kill('SIGKILL')
  // a zombie is gone as far as we care: its new parent reaps it when it likes
  const gone = () => !existsSync(`/proc/${pid}`) || / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  while (!gone()) await setImmediate()
})
