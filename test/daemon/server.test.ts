import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../../src/api/client.ts'
import { Failure } from '../../src/base/failure.ts'
import { createLogger } from '../../src/base/log.ts'
import { type Handlers, serve } from '../../src/daemon/server.ts'

const key = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4'
const logged: string[] = []
const log = createLogger((_, line) => logged.push(line))
const unused = async () => ({}) as never
const handlers: Handlers = {
  members: unused,
  log: unused,
  invite: unused,
  withdraw: unused,
  revoke: unused,
  admin: unused,
  admit: unused,
  assign: unused,
  rotate: unused,
  leave: unused,
  lookup: unused,
  ping: unused,
  p2p: unused,
  forget: unused,
  inspect: unused,
  netcheck: unused,
  explain: unused,
  relay: unused,
  status: async () => ({ wrong: 'shape' }) as never,
  reload: async () => {
    throw new Failure('the file has errors', { remedy: 'mend it' })
  },
  down: async () => ({ pid: 7 }),
  resolve: async ({ name }) => ({ found: name === 'a.test' ? { key, ipv6: 'fd00::2' } : null }),
}
const request = (method: string, url: string) => serve(handlers, log, { method, url, body: '' })
const carry = (r: { method: string; url: string; body: string }) => serve(handlers, log, r)

test('client and server speak through one schema', async () => {
  assert.deepEqual(await ask(carry, 'resolve', { name: 'a.test' }), { found: { key, ipv6: 'fd00::2' } })
  assert.deepEqual(await ask(carry, 'resolve', { name: 'x y&z' }), { found: null })
  assert.deepEqual(await ask(carry, 'down', {}), { pid: 7 })
})

test('a refusal arrives with its remedy', async () => {
  await assert.rejects(ask(carry, 'reload', {}), (error: Failure) => {
    assert.equal(error.message, 'the file has errors')
    assert.equal(error.remedy, 'mend it')
    return error instanceof Failure
  })
})

test('unknown paths, wrong methods and bad queries are refused', async () => {
  assert.equal((await request('GET', '/v2/status')).status, 404)
  assert.equal((await request('GET', '/v1/down')).status, 405)
  assert.equal((await request('GET', '/v1/resolve')).status, 400)
})

test('an answer of the wrong shape never leaves: it is our mistake, and logged', async () => {
  assert.equal((await request('GET', '/v1/status')).status, 500)
  assert.match(logged.join('\n'), /request failed path=\/v1\/status/)
})
