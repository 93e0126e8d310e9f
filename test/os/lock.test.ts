import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemLocks } from '../../src/os/lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'wh-lock-'))
after(() => rmSync(folder, { recursive: true }))

test('one holder at a time', async () => {
  const path = join(folder, 'a')
  const first = await systemLocks.acquire(path)
  assert.ok(first)
  assert.equal(await systemLocks.acquire(path), null)
  first.release()
  const second = await systemLocks.acquire(path, 5)
  assert.ok(second)
  second.release()
})

test('of many who ask at once, one gets it', async () => {
  const path = join(folder, 'b')
  const got = (await Promise.all(Array.from({ length: 8 }, () => systemLocks.acquire(path)))).filter(
    lock => lock !== null,
  )
  assert.equal(got.length, 1)
  got[0]!.release()
})

test('the lock is free again when its holder is killed', async () => {
  const path = join(folder, 'c')
  const module = join(import.meta.dirname, '../../src/os/lock.ts')
  const holder = spawn(
    process.execPath,
    [
      '-e',
      `
    const { systemLocks } = await import(${JSON.stringify(module)})
    await systemLocks.acquire(${JSON.stringify(path)})
    console.log('held')
    setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await new Promise(resolve => holder.stdout.once('data', resolve))
  assert.equal(await systemLocks.acquire(path), null)
  holder.kill('SIGKILL')
  const lock = await systemLocks.acquire(path, 5)
  assert.ok(lock)
  lock.release()
})
