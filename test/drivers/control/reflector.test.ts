// On real sockets of this machine's loopback interface, whose addresses stand for public ones.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Address, Endpoint } from '../../../src/base/ip.ts'
import type { ControlPort } from '../../../src/drivers/control/port.ts'
import { Reflector } from '../../../src/drivers/control/reflector.ts'
import type { Source } from '../../../src/os/source.ts'
import { systemUdp, type Udp } from '../../../src/os/udp.ts'

type Options = { addresses?: Address[]; source?: Source; udp?: Udp }

async function open(
  t: TestContext,
  { addresses = [], source = async () => '127.0.0.1', udp = systemUdp }: Options = {},
) {
  const came: { from: Endpoint; via: Pick<ControlPort, 'send'> }[] = []
  const reflector = await Reflector.open({
    udp,
    source,
    addresses,
    receive: (bytes, from, via) => {
      came.push({ from, via })
      via.send(bytes, from)
    },
  })
  t.after(() => reflector.close())
  return { reflector, came }
}

/** Somebody who asks: what comes to him. */
async function asker(t: TestContext, host: Address = '127.0.0.1') {
  const got: Endpoint[] = []
  let wake = () => {}
  const socket = await systemUdp.bind(host, 0, (_bytes, from) => {
    got.push(from)
    wake()
  })
  t.after(() => socket.close())
  const next = async () => {
    while (got.length === 0) await new Promise<void>(resolve => (wake = resolve))
    return got.shift()!
  }
  return { socket, next, endpoint: { host, port: socket.port } }
}

const control = Uint8Array.of(0xff, 1)
const two = ['127.0.0.1', '127.0.0.2']

test('with one address: another port, and what comes there is answered from there', async t => {
  const { reflector, came } = await open(t)
  const { port, address } = reflector.other('192.0.2.1')
  assert.equal(address, undefined)
  assert.equal(reflector.otherAddress('192.0.2.1'), null)
  const { socket, next, endpoint } = await asker(t)
  reflector.otherPort().send(control, endpoint)
  assert.deepEqual(await next(), { host: '127.0.0.1', port })
  socket.send(Uint8Array.of(1, 0, 0, 0), { host: '127.0.0.1', port })
  socket.send(control, { host: '127.0.0.1', port })
  assert.deepEqual(await next(), { host: '127.0.0.1', port })
  assert.deepEqual(
    came.map(({ from }) => from),
    [endpoint],
  )
  assert.deepEqual(reflector.counters, { received: 1, sent: 2, dropped: { 'not control': 1 } })
})

test('with IPv6, too', async t => {
  const { reflector } = await open(t)
  const { next, endpoint } = await asker(t, '::1')
  reflector.otherPort().send(control, endpoint)
  assert.deepEqual(await next(), { host: '::1', port: reflector.other('2001:db8::9').port })
})

test('with two addresses: the same port of both, and never the one that was asked', async t => {
  for (const first of two) {
    const other = two.find(each => each !== first)!
    const { reflector } = await open(t, { addresses: two, source: async to => (to.includes(':') ? null : first) })
    assert.equal(reflector.other('192.0.2.1').address, other)
    const { port } = reflector.other('192.0.2.1')
    const { socket, next, endpoint } = await asker(t)
    reflector.otherPort().send(control, endpoint)
    assert.deepEqual(await next(), { host: first, port })
    reflector.otherAddress(endpoint.host)!.send(control, endpoint)
    assert.deepEqual(await next(), { host: other, port })
    assert.equal(reflector.otherAddress('2001:db8::9'), null)
    assert.deepEqual(reflector.other('2001:db8::9'), { port })
    for (const host of two) {
      socket.send(control, { host, port })
      assert.deepEqual(await next(), { host, port })
    }
  }
})

test('where W leaves from an address that is not one of these, there is no other', async t => {
  const { reflector } = await open(t, { addresses: two, source: async () => '10.0.0.1' })
  assert.equal(reflector.other('192.0.2.1').address, undefined)
  assert.equal(reflector.otherAddress('192.0.2.1'), null)
})

test('a machine without IPv6 has IPv4; a port that is taken for one address is another for both', async t => {
  let refused = 0
  const udp: Udp = {
    bind(address, port, receive, options) {
      if (address === '::')
        return Promise.reject(Object.assign(new Error('made by the test'), { code: 'EAFNOSUPPORT' }))
      if (address === '127.0.0.2' && refused++ < 2)
        return Promise.reject(Object.assign(new Error('made by the test'), { code: 'EADDRINUSE' }))
      return systemUdp.bind(address, port, receive, options)
    },
  }
  const { reflector } = await open(t, { addresses: two, udp })
  assert.equal(refused, 3)
  reflector.otherPort().send(control, { host: '2001:db8::1', port: 1 })
  assert.deepEqual(reflector.counters.dropped, { 'no IPv6 here': 1 })
})

test('what cannot be had is said, and nothing is left open', async t => {
  let held = 0
  const udp: Udp = {
    async bind(address, port, receive, options) {
      if (address === '127.0.0.2') throw Object.assign(new Error('made by the test'), { code: 'EADDRNOTAVAIL' })
      const socket = await systemUdp.bind(address, port, receive, options)
      held++
      return {
        ...socket,
        close() {
          held--
          socket.close()
        },
      }
    },
  }
  await assert.rejects(open(t, { addresses: two, udp }), { code: 'EADDRNOTAVAIL' })
  assert.equal(held, 0)
})
