import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../src/base/failure.ts'
import { SharedPort } from '../../src/node/shared-port.ts'

const to = { host: '192.0.2.1', port: 1 }

function world(portRequired = true) {
  const did: string[] = []
  const warnings = new Map<string, string>()
  const broken = new Map<number, Error>()
  /** Holds every opening up. */
  const gate = { open: Promise.resolve() }
  const port = new SharedPort({
    portRequired,
    elsewhere: () => false,
    receive() {},
    async openPort(listenPort) {
      did.push(`open ${listenPort}`)
      await gate.open
      const error = broken.get(listenPort)
      if (error) throw error
      return {
        backend: 'nft',
        counters: { received: 0, sent: 0, dropped: {} },
        send: bytes => void did.push(`send ${bytes.length} from ${listenPort}`),
        close: async () => void did.push(`close ${listenPort}`),
      }
    },
    warn: (topic, message) => void (message === null ? warnings.delete(topic) : warnings.set(topic, message)),
  })
  const refusal = (listenPort: number) => {
    broken.set(listenPort, new Failure('nft is not installed', { remedy: 'apt install nftables' }))
  }
  return { did, warnings, broken, refusal, gate, port }
}

test('opened, moved, closed', async () => {
  const { did, port } = world()
  await port.open(1)
  port.send(new Uint8Array(3), to)
  await port.move(1)
  await port.move(2)
  port.send(new Uint8Array(4), to)
  await port.close()
  port.send(new Uint8Array(5), to)
  assert.deepEqual(did, ['open 1', 'send 3 from 1', 'close 1', 'open 2', 'send 4 from 2', 'close 2'])
  assert.equal(port.current, null)
})

test('what was being opened when it was closed is closed, and that is waited for', async () => {
  const { did, gate, port } = world()
  const { promise, resolve } = Promise.withResolvers<void>()
  gate.open = promise
  const opening = port.open(1)
  await new Promise(setImmediate)
  let closed = false
  const closing = port.close().then(() => {
    closed = true
  })
  await new Promise(setImmediate)
  assert.ok(!closed)
  resolve()
  await Promise.all([opening, closing])
  assert.deepEqual(did, ['open 1', 'close 1'])
})

test('closed before it was opened, it never is', async () => {
  const { did, port } = world()
  await port.close()
  await port.open(1)
  await port.move(2)
  assert.deepEqual(did, [])
})

test('where it must be shared and cannot, that is a failure', async () => {
  const { refusal, warnings, port } = world()
  refusal(1)
  await assert.rejects(port.open(1), /nft is not installed/)
  assert.equal(warnings.size, 0)
  assert.equal(port.current, null)
})

test('a move that fails leaves it where it was', async () => {
  const { did, refusal, port } = world()
  await port.open(1)
  refusal(2)
  await assert.rejects(port.move(2), /nft is not installed/)
  port.send(new Uint8Array(3), to)
  await port.move(1)
  assert.deepEqual(did, ['open 1', 'close 1', 'open 2', 'open 1', 'send 3 from 1'])
})

test('where the node is of use without it, it is said aloud, and tried again with the next move', async () => {
  const { did, broken, refusal, warnings, port } = world(false)
  refusal(1)
  await port.open(1)
  assert.deepEqual(
    [...warnings],
    [
      [
        'control',
        'nft is not installed: members whose endpoint is not in the file cannot be found (apt install nftables)',
      ],
    ],
  )
  port.send(new Uint8Array(3), to)
  broken.clear()
  await port.move(1)
  port.send(new Uint8Array(4), to)
  assert.deepEqual(did, ['open 1', 'open 1', 'send 4 from 1'])
  assert.equal(warnings.size, 0)
})

test('a mistake of ours is no reason to go on', async () => {
  const { broken, port } = world(false)
  broken.set(1, new TypeError('undefined is not a function'))
  await assert.rejects(port.open(1), TypeError)
})
