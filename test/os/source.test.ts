import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemSource } from '../../src/os/source.ts'
import { createLab, noLab } from '../lab/lab.ts'

const node = process.execPath
const program = `const { systemSource } = await import('${import.meta.dirname}/../../src/os/source.ts')
console.log(JSON.stringify(await Promise.all(process.argv.slice(1).map(to => systemSource(to)))))`

test('to oneself', async () => assert.equal(await systemSource('127.0.0.1'), '127.0.0.1'))

test('as the routes say, and nothing where none leads', { skip: noLab }, async () => {
  await using lab = await createLab()
  const lan = await lab.switch('lan')
  const host = await lab.host('a')
  await lab.link(host, lan, {
    addresses: ['192.0.2.1/24', '192.0.2.7/24', '198.51.100.1/24', '2001:db8::1/64'],
    routes: ['203.0.113.0/24 via 192.0.2.254 src 192.0.2.7'],
  })
  const to = ['192.0.2.9', '198.51.100.9', '203.0.113.9', '10.9.9.9', '2001:db8::9', '2001:db9::9']
  const said = JSON.parse(await host.ok([node, '--input-type=module', '-e', program, ...to]))
  assert.deepEqual(said, ['192.0.2.1', '198.51.100.1', '192.0.2.7', null, '2001:db8::1', null])
})
