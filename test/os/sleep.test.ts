import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemSleep } from '../../src/os/sleep.ts'

const program = `const { systemSleep } = await import('${import.meta.dirname}/../../src/os/sleep.ts')
systemSleep.watch(() => console.log('woke'))
setInterval(() => console.log('runs'), 300)`

test('a stopped process that goes on has slept, once', async t => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    out += text
  })
  const runs = async (times: number) => {
    const from = out.length
    while ((out.slice(from).match(/runs/g) ?? []).length < times) await once(child.stdout, 'data')
  }
  await runs(8)
  assert.doesNotMatch(out, /woke/, 'it did not sleep')
  child.kill('SIGSTOP')
  await sleep(5_500)
  child.kill('SIGCONT')
  await runs(8)
  assert.equal(out.match(/woke/g)?.length, 1)
})

// A machine's own suspend needs the machine: here its wall clock jumps, and the monotonic one stands still.
test('a wall clock that jumps is a sleep, once, in either direction; one that is set right by a little is none', t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let wall = 1_800_000_000_000
  t.mock.method(Date, 'now', () => wall)
  let woke = 0
  const watching = systemSleep.watch(() => woke++)
  const tick = (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      wall += 1_000
      t.mock.timers.tick(1_000)
    }
  }
  const jump = (by: number) => {
    wall += by
  }
  tick(10)
  assert.equal(woke, 0)
  jump(3_600_000)
  tick(10)
  assert.equal(woke, 1)
  jump(2_000)
  tick(10)
  assert.equal(woke, 1)
  jump(-60_000)
  tick(10)
  assert.equal(woke, 2)
  watching.close()
  jump(3_600_000)
  tick(10)
  assert.equal(woke, 2)
})
