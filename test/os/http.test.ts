import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemHttp } from '../../src/os/http.ts'

const folder = mkdtempSync(join(tmpdir(), 'wh-http-'))
after(() => rmSync(folder, { recursive: true }))

test('a request goes over a socket that is ours alone, in place of a dead one', async () => {
  const path = join(folder, 's')
  writeFileSync(path, 'left over')
  const server = await systemHttp.listen(path, async request => ({ status: 201, body: JSON.stringify(request) }))
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const { status, body } = await systemHttp.ask(path, { method: 'POST', url: '/v1/x?y=1', body: 'ß' })
  assert.equal(status, 201)
  assert.deepEqual(JSON.parse(body), { method: 'POST', url: '/v1/x?y=1', body: 'ß' })
  await assert.rejects(systemHttp.ask(path, { method: 'POST', url: '/', body: 'x'.repeat(100_000) }))
  await server.close()
  await assert.rejects(systemHttp.ask(path, { method: 'GET', url: '/', body: '' }), { code: 'ENOENT' })
})
