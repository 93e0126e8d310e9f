import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/base/log.ts'
import type { Relaying as Answering } from '../../src/drivers/control/channel.ts'
import type { Relay } from '../../src/drivers/relay/relay.ts'
import { Relaying, type RelayingParts } from '../../src/node/relaying.ts'
import { systemOs } from '../../src/os/index.ts'
import { Desk } from '../../src/protocol/home/desk.ts'
import type { PublicKey } from '../../src/protocol/identity/key.ts'
import type { Surroundings } from '../../src/protocol/path/candidate.ts'
import type { RelayDesk, RelayPolicy } from '../../src/protocol/relay/desk.ts'

const guest = 'A'.repeat(43) as PublicKey
const from = { host: '198.51.100.9', port: 4000 }

/** A node that others reach, whose relay does nothing but say what it is told. */
function node(policy: RelayPolicy = 'members', fault?: string) {
  const told: string[] = []
  const warned: (string | null)[] = []
  // what the node does of it all is to be a relay, and to hear
  const channel: { relay?: Answering | undefined; receive(): void } = { receive() {} }
  let around: Surroundings = { overlays: [], own: [], port: 51820 }
  const driver = (listenPort: number): Relay => ({
    backend: 'netdev',
    async open(port) {
      told.push(`${listenPort}: open`)
      return { port, send() {}, close: () => void told.push(`${listenPort}: port closed`) }
    },
    async connect() {},
    async disconnect() {},
    hear: () => false,
    leftover: () => [],
    async refresh() {
      told.push(`${listenPort}: refresh`)
      if (fault) throw new Error(fault)
    },
    counters: async () => ({ legs: [], dropped: {} }),
    close: async () => void told.push(`${listenPort}: closed`),
  })
  const rank = () => 'member' as const
  const relaying = new Relaying({
    ...{
      os: systemOs,
      log: createLogger(() => {}),
      channel: channel as Pick<RelayingParts['channel'], 'receive'> as RelayingParts['channel'],
      rank,
      policy,
      around: () => around,
    },
    tokens: new Desk(systemOs.crypto, new Uint8Array(32), rank),
    open: async listenPort => driver(listenPort),
    warn: (_, message) => void warned.push(message),
  })
  const lease = async () => {
    const { desk, act } = channel.relay!
    const { port, outputs } = (desk as RelayDesk).lease(guest, from, systemOs.clock.now())
    act(outputs)
    // reports come after what was begun before
    await relaying.report()
    await new Promise(setImmediate)
    return port
  }
  return {
    relaying,
    told,
    warned,
    lease,
    isOn: () => channel.relay !== undefined,
    move: (port: number) => (around = { ...around, port }),
  }
}

test('the driver is opened with the first port, and closed when others reach this node no more', async () => {
  const { relaying, told, lease, isOn } = node()
  assert.equal(await relaying.report(), null)
  relaying.set(true)
  assert.deepEqual((await relaying.report())?.backend, null)
  const port = await lease()
  const { ports, backend } = (await relaying.report())!
  assert.deepEqual([ports, backend], [[{ key: guest, port, rank: 'member' }], 'netdev'])
  relaying.set(false)
  assert.ok(!isOn())
  await relaying.stop()
  assert.deepEqual(told, ['51820: open', '51820: port closed', '51820: closed'])
})

test('never: it never begins', async () => {
  const { relaying, isOn } = node('never')
  relaying.set(true)
  assert.ok(!isOn())
  assert.equal(await relaying.report(), null)
})

test('where the port of this node has moved, what was opened for the old one is closed, and the next guest begins anew', async () => {
  const { relaying, told, lease, move } = node()
  relaying.set(true)
  await lease()
  relaying.moved()
  await new Promise(setImmediate)
  assert.equal(told.at(-1), '51820: refresh')
  move(4000)
  relaying.moved()
  relaying.set(true)
  await lease()
  await relaying.stop()
  assert.deepEqual(told.slice(2), [
    '51820: port closed',
    '51820: closed',
    '4000: open',
    '4000: port closed',
    '4000: closed',
  ])
})

test('what cannot be done is a warning, and no crash', async () => {
  const { relaying, warned, lease } = node('members', 'ip says nothing')
  relaying.set(true)
  await lease()
  relaying.moved()
  await new Promise(setImmediate)
  assert.equal(warned.at(-1), 'cannot relay: ip says nothing')
  await relaying.stop()
})
