import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemSshAgents } from '../../src/os/ssh-agent.ts'

const folder = mkdtempSync(join(tmpdir(), 'wh-agent-'))
after(() => rmSync(folder, { recursive: true }))

async function answered(answer: (socket: Socket, question: Buffer) => void): Promise<Uint8Array> {
  const path = join(folder, 'agent')
  const server = createServer(socket => socket.on('data', data => answer(socket, data)))
  await new Promise<void>(resolve => server.listen(path, resolve))
  try {
    return await systemSshAgents.ask(path, Uint8Array.of(11))
  } finally {
    server.close()
  }
}

test('a question has its length before it, and so has the answer, in however many pieces', async () => {
  const answer = await answered((socket, question) => {
    assert.deepEqual(question, Buffer.of(0, 0, 0, 1, 11))
    socket.write(Buffer.of(0, 0))
    setTimeout(() => socket.write(Buffer.of(0, 2, 7)), 20)
    setTimeout(() => socket.write(Buffer.of(8, 9)), 40)
  })
  assert.deepEqual(answer, Uint8Array.of(7, 8))
})

test('what is no answer is an error, and not more memory', async () => {
  for (const length of [Buffer.of(255, 255, 255, 255), Buffer.of(0, 0, 0, 0)]) {
    await assert.rejects(
      answered(socket => socket.write(length)),
      { code: 'EPROTO', message: /an answer of \d+ bytes/ },
    )
  }
  await assert.rejects(
    answered(socket => socket.end(Buffer.of(0, 0, 0, 9, 1))),
    { code: 'EPROTO', message: /without an answer/ },
  )
})

test('nobody there', async () => {
  await assert.rejects(systemSshAgents.ask(join(folder, 'none'), Uint8Array.of(11)), { code: 'ENOENT' })
})
