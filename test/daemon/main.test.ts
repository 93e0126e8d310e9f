// The daemon as a process, before it is told anything.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'

const start = () =>
  fork(join(import.meta.dirname, '../../src/daemon/main.ts'), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })

test('it ends where whoever started it goes without a word', async () => {
  const daemon = start()
  daemon.disconnect()
  assert.deepEqual(await once(daemon, 'exit'), [0, null])
})

test('what it is told at once is not lost while it loads', async () => {
  const daemon = start()
  daemon.send({ file: '/nonexistent' })
  const [message] = await once(daemon, 'message')
  assert.equal(message.failed.message, '/nonexistent does not exist')
  assert.deepEqual(await once(daemon, 'exit'), [1, null])
})
