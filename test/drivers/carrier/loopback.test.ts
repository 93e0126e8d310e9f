import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../../src/base/ip.ts'
import { Loopback } from '../../../src/drivers/carrier/loopback.ts'
import { systemUdp } from '../../../src/os/udp.ts'

const far: Endpoint = { host: '192.0.2.9', port: 61_000 }

/** A socket in WireGuard's place, and the loopback beside it. */
async function wireguard() {
  const heard: { bytes: number[]; from: Endpoint }[] = []
  const sent: { bytes: number[]; to: Endpoint }[] = []
  let wake = () => {}
  const until = async (done: () => boolean) => {
    while (!done()) {
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      await promise
    }
  }
  const socket = await systemUdp.bind('0.0.0.0', 0, (bytes, from) => {
    heard.push({ bytes: [...bytes], from })
    wake()
  })
  const loopback = new Loopback({
    udp: systemUdp,
    listenPort: () => socket.port,
    send: (bytes, to) => {
      sent.push({ bytes: [...bytes], to })
      wake()
    },
  })
  const close = () => {
    loopback.close()
    socket.close()
  }
  return { heard, sent, socket, loopback, until, close }
}

test('WireGuard is pointed at a socket, which stands for the endpoint, both ways', async () => {
  const { heard, sent, socket, loopback, until, close } = await wireguard()
  assert.equal(loopback.local(far), undefined)
  const local = (await loopback.open(far))!
  assert.deepEqual(loopback.local(far), local)
  assert.deepEqual(loopback.remote(local), far)
  assert.equal(loopback.remote({ host: '127.0.0.1', port: local.port }), undefined)
  socket.send(Uint8Array.of(1, 2, 3), local)
  await until(() => sent.length > 0)
  assert.deepEqual(sent, [{ bytes: [1, 2, 3], to: far }])
  await loopback.deliver(Uint8Array.of(4, 5), far)
  await until(() => heard.length > 0)
  assert.deepEqual(heard, [{ bytes: [4, 5], from: local }])
  loopback.forget(far.host)
  assert.equal(loopback.local(far), undefined)
  close()
})

test('what comes from an endpoint that WireGuard was never pointed at gets a socket of its own', async () => {
  const { heard, loopback, until, close } = await wireguard()
  await Promise.all([loopback.deliver(Uint8Array.of(1), far), loopback.deliver(Uint8Array.of(2), far)])
  await loopback.deliver(Uint8Array.of(3), { ...far, port: 61_001 })
  await until(() => heard.length === 3)
  assert.deepEqual(heard.map(({ bytes }) => bytes[0]).sort(), [1, 2, 3])
  assert.deepEqual(new Set(heard.map(({ from }) => from.port)).size, 2)
  assert.deepEqual(loopback.remote(heard[0]!.from), far)
  close()
})

test('what others than WireGuard send there goes nowhere', async () => {
  const { sent, socket, loopback, until, close } = await wireguard()
  const local = (await loopback.open(far))!
  const stranger = await systemUdp.bind('127.0.0.1', 0, () => {})
  stranger.send(Uint8Array.of(9), local)
  socket.send(Uint8Array.of(1), local)
  await until(() => sent.length > 0)
  assert.deepEqual(
    sent.map(({ bytes }) => bytes[0]),
    [1],
  )
  stranger.close()
  close()
})

test('closed while a socket is being opened: none is left', async () => {
  const { loopback, close } = await wireguard()
  const opening = loopback.open(far)
  close()
  assert.equal(await opening, null)
})
