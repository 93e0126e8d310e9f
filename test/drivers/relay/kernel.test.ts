// With an `nft` and an `ip` of the test's: what they are told, and what happens where they refuse.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createLogger } from '../../../src/base/log.ts'
import { KernelRelay } from '../../../src/drivers/relay/kernel.ts'
import type { Leg } from '../../../src/drivers/relay/relay.ts'
import type { Programs, StartOptions } from '../../../src/os/run.ts'
import { systemUdp } from '../../../src/os/udp.ts'

/** A kernel that has one table, knows its version, and can be told to refuse. */
class Kernel implements Programs {
  version: number | null = null
  refuses = false
  readonly told: string[] = []
  asked = 0
  gateway = '192.0.2.254'

  find = (name: string) => `/sbin/${name}`

  async run(argv: readonly string[], { input = '' } = {}) {
    const done = (out: string) => ({ code: 0, out, err: '' })
    if (argv[0] === 'nft') return { code: argv[2] === 'table' ? 1 : 0, out: '', err: '' }
    if (argv.includes('address')) {
      return done('[{"ifindex":2,"ifname":"eth0","flags":["UP"],"addr_info":[{"local":"192.0.2.1"}]}]\n')
    }
    this.asked++
    const got = (dst: string) => JSON.stringify([{ dst, gateway: this.gateway, dev: 'eth0', prefsrc: '192.0.2.1' }])
    return done([...input.matchAll(/route get (\S+)/g)].map(([, dst]) => `${got(dst!)}\n`).join(''))
  }

  start(_argv: readonly string[], { onLine, onError }: StartOptions) {
    const ended = Promise.withResolvers<number>()
    const obey = (line: string) => {
      if (line === 'describe mark') return onLine?.('meta expression, datatype mark (packet mark)')
      if (line.startsWith('list set')) {
        if (this.version === null) return onError?.('Error: No such file or directory')
        return onLine?.(`\tset version {\n\t\telements = { 0x${this.version.toString(16)} }\n\t}`)
      }
      this.told.push(line)
      if (this.refuses || (this.version === null && !line.startsWith('add table'))) return onError?.('Error: no')
      if (line.includes('; delete table') && line.split('; ').length === 2) this.version = null
      const version = /add element \S+ \S+ version \{ (\d+) \}/.exec(line)?.[1]
      if (version) this.version = Number(version)
    }
    return {
      write: (text: string) =>
        void setImmediate(() => {
          for (const line of text.trim().split('\n')) obey(line)
        }),
      stop: async () => ended.resolve(0),
      ended: ended.promise,
    }
  }
}

async function open(t: TestContext, kernel: Kernel) {
  const logged: string[] = []
  const timers: (() => void)[] = []
  const table = {
    listenPort: 51820,
    range: { first: 62_110, last: 62_119 },
    limit: { rate: 1_000, burst: 1_000 },
    bindsToListenPort: true,
  }
  const relay = await KernelRelay.open({
    ...table,
    table,
    udp: systemUdp,
    clock: {
      now: () => 0,
      wall: () => 0,
      at(_time, call) {
        timers.push(call)
        return { cancel() {} }
      },
    },
    programs: kernel,
    log: createLogger((_, line) => logged.push(line)),
    receive() {},
  })
  t.after(() => relay.close())
  /** The next look at the table, and all that it leads to. */
  const look = async () => {
    timers.shift()!()
    await relay.counters()
  }
  return { relay, logged, look }
}

const leg = (i: number): Leg => ({
  from: { host: `198.51.100.${i}`, port: 7 },
  at: 62_110,
  to: { host: `203.0.113.${i}`, port: 9 },
  via: 62_111,
})

test('legs that come while the table is busy go in together; what is there already costs nothing', async t => {
  const kernel = new Kernel()
  const { relay } = await open(t, kernel)
  kernel.told.length = 0
  await Promise.all([1, 2, 3, 4].map(i => relay.connect([leg(i)])))
  assert.equal(kernel.told.length, 1)
  assert.equal(kernel.told[0]!.match(/203\.0\.113\.\d/g)!.length, 4)
  assert.equal(kernel.asked, 1)
  await relay.connect([leg(1), leg(2)])
  assert.deepEqual([kernel.told.length, kernel.asked], [1, 1])
  // nothing for the kernel to do
  await relay.connect([{ ...leg(5), to: { host: '2001:db8::1', port: 9 } }])
  assert.equal(kernel.told.length, 1)
  await relay.disconnect([leg(1)])
  assert.match(kernel.told[1]!, /delete element netdev wh_relay_51820 leg4 \{ 198\.51\.100\.1 \. 7 \. 62110 \}/)
  assert.equal((await relay.counters()).legs.length, 4)
})

test('20 000 legs are several transactions', async t => {
  const kernel = new Kernel()
  const { relay } = await open(t, kernel)
  kernel.told.length = 0
  const many = Array.from({ length: 20_000 }, (_, i) => ({ ...leg(1), from: { host: '198.51.100.1', port: 1 + i } }))
  await relay.connect(many)
  assert.equal(kernel.told.length, 5)
})

test('a removed table is loaded anew at the next change, or the next look', async t => {
  const kernel = new Kernel()
  const { relay, logged, look } = await open(t, kernel)
  await relay.connect([leg(1)])
  kernel.version = null
  await relay.connect([leg(2)])
  assert.match(kernel.told.at(-1)!, /^add table .* 203\.0\.113\.1, .* 203\.0\.113\.2 /)
  assert.equal(logged.length, 1)
  kernel.version = null
  await look()
  assert.match(kernel.told.at(-1)!, /^add table .*203\.0\.113\.2/)
  assert.equal(logged.length, 2)
  const before = kernel.told.length
  await look()
  assert.equal(kernel.told.length, before)
})

test('what the kernel refuses is done by the sockets, said once, and tried again', async t => {
  const kernel = new Kernel()
  const { relay, logged, look } = await open(t, kernel)
  kernel.refuses = true
  await relay.connect([leg(1)])
  await look()
  await relay.connect([leg(2)])
  assert.deepEqual(
    logged.map(line => /loaded anew|without the kernel/.exec(line)?.[0]),
    ['loaded anew', 'without the kernel'],
  )
  assert.equal((await relay.counters()).legs.length, 2)
  kernel.refuses = false
  await look()
  assert.match(logged.at(-1)!, /relays again/)
  assert.match(kernel.told.at(-1)!, /^add table .*203\.0\.113\.2/)
})

test('another router is another way; no change is no work', async t => {
  const kernel = new Kernel()
  const { relay } = await open(t, kernel)
  await relay.connect([leg(1)])
  const before = kernel.told.length
  await relay.refresh()
  assert.equal(kernel.told.length, before)
  kernel.gateway = '192.0.2.253'
  await relay.refresh()
  assert.match(kernel.told.at(-1)!, /^add table .* hop4 \{ 0x00100000 : 192\.0\.2\.253 \}/)
})
