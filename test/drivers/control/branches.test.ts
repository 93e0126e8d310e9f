// Branches over rules made by the test. With the kernel's rules and a real NAT: test/system/branches.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../../src/base/ip.ts'
import { NftBranches } from '../../../src/drivers/control/branches.ts'
import { Traffic } from '../../../src/drivers/control/traffic.ts'
import type { Udp } from '../../../src/os/udp.ts'

const to = { host: '192.0.2.2', port: 62_096 }
const from = { host: '192.0.2.9', port: 7 }

/** @param fail the number of the socket that cannot be had */
function machine(fail = Number.POSITIVE_INFINITY) {
  const events: string[] = []
  const sockets = new Map<number, (bytes: Uint8Array, from: Endpoint) => void>()
  let next = 40_000
  const udp: Udp = {
    async bind(address, port, receive, options) {
      assert.deepEqual([address, port, options?.hopLimit], ['0.0.0.0', 0, 65])
      const number = ++next
      if (number - 40_000 === fail) throw Object.assign(new Error('made by the test'), { code: 'EMFILE' })
      sockets.set(number, receive)
      return {
        port: number,
        send: (_bytes, to) => events.push(`${number} sends to ${to.host}`),
        close() {
          events.push(`${number} closed`)
          sockets.delete(number)
        },
      }
    },
  }
  const rules = {
    async bind(to: Endpoint, port: number | null) {
      events.push(`${to.host} ${port}`)
    },
    async unbind(port: number) {
      await new Promise(setImmediate)
      events.push(`${port} unbound`)
    },
  }
  const traffic = new Traffic(() => assert.fail('that is for W'))
  return { branches: new NftBranches(udp, rules, traffic), traffic, events, sockets }
}

const settled = async () => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
}

test('each branch has a port, sends from it, and is told what comes to it', async () => {
  const { branches, sockets, events, traffic } = machine()
  const heard: [number, number, Endpoint][] = []
  const [a, b] = await branches.open(2, (bytes, from, branch) => heard.push([bytes[1]!, branch.port, from]))
  sockets.get(b!.port)!(Uint8Array.of(0xff, 7), from)
  sockets.get(a!.port)!(Uint8Array.of(1, 7), from)
  assert.deepEqual(heard, [[7, b!.port, from]])
  a!.send(Uint8Array.of(0xff), to)
  a!.send(Uint8Array.of(0xff), { host: '2001:db8::1', port: 1 })
  assert.deepEqual(events, ['40001 sends to 192.0.2.2'])
  assert.deepEqual(traffic.counters, { received: 1, sent: 1, dropped: { 'not control': 1, 'no IPv6 here': 1 } })
})

test('a socket is closed only when nothing is bound to it any more, and says nothing meanwhile', async () => {
  const { branches, sockets, events } = machine()
  const [a] = await branches.open(1, () => assert.fail('closed'))
  await branches.bind(to, a!)
  a!.close()
  a!.close()
  sockets.get(a!.port)!(Uint8Array.of(0xff), from)
  await settled()
  assert.deepEqual(events, ['192.0.2.2 40001', '40001 unbound', '40001 closed'])
  await assert.rejects(branches.bind(to, a!), { message: 'the branch at port 40001 is closed' })
})

test('where one cannot be had, none is left', async () => {
  const { branches, sockets } = machine(5)
  await assert.rejects(
    branches.open(8, () => {}),
    { code: 'EMFILE' },
  )
  await settled()
  assert.equal(sockets.size, 0)
})

test('1 280 at most, also while some are being opened, and again when some were closed', async () => {
  const { branches } = machine()
  const [first] = await Promise.all([branches.open(1_000, () => {}), branches.open(280, () => {})])
  await assert.rejects(
    branches.open(1, () => {}),
    { message: /^no room for 1 sockets beside W: 1280 at most, 0 are left/ },
  )
  for (const branch of first.slice(0, 10)) branch.close()
  await settled()
  assert.equal((await branches.open(10, () => {})).length, 10)
  await assert.rejects(branches.open(1, () => {}))
})

test('with the port all are closed, also those that were being opened', async () => {
  const { branches, sockets } = machine()
  await branches.open(3, () => {})
  const opening = branches.open(3, () => {})
  await Promise.resolve()
  branches.close()
  await assert.rejects(opening, { message: 'the control port is closed' })
  await settled()
  assert.equal(sockets.size, 0)
})
