import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../src/base/ip.ts'
import { systemUdp } from '../../src/os/udp.ts'

for (const host of ['127.0.0.1', '::1']) {
  test(`port 0 is any, and a datagram comes with its source (${host})`, async () => {
    const came = Promise.withResolvers<[Uint8Array, Endpoint]>()
    const a = await systemUdp.bind(host, 0, (bytes, from) => came.resolve([bytes, from]), { receiveBuffer: 2 ** 20 })
    const b = await systemUdp.bind(host, 0, () => {}, { hopLimit: 65 })
    assert.ok(a.port > 0 && b.port > 0 && a.port !== b.port)
    b.send(Uint8Array.of(1, 2), { host, port: a.port })
    const [bytes, from] = await came.promise
    assert.deepEqual([...bytes], [1, 2])
    assert.deepEqual(from, { host, port: b.port })
    await assert.rejects(
      systemUdp.bind(host, a.port, () => {}),
      { code: 'EADDRINUSE' },
    )
    a.close()
    b.close()
  })
}

test('what cannot be sent is counted, never thrown', async () => {
  let lost = 0
  const all = Promise.withResolvers<void>()
  const onLost = () => {
    if (++lost === 4) all.resolve()
  }
  const socket = await systemUdp.bind('127.0.0.1', 0, () => {}, { onLost })
  socket.send(Uint8Array.of(1), { host: '127.0.0.1', port: 0 })
  socket.send(new Uint8Array(70_000), { host: '127.0.0.1', port: 9 })
  socket.send(Uint8Array.of(1), { host: '::1', port: 9 })
  socket.send(Uint8Array.of(1), { host: 'localhost', port: 9 })
  await all.promise
  socket.close()
  socket.send(Uint8Array.of(1), { host: '127.0.0.1', port: 9 })
  assert.equal(lost, 5)
})
