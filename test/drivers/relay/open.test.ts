import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createLogger } from '../../../src/base/log.ts'
import { openRelay, type RelayMode } from '../../../src/drivers/relay/open.ts'
import { systemOs } from '../../../src/os/index.ts'
import type { Programs, StartOptions } from '../../../src/os/run.ts'

const logged: string[] = []
const log = createLogger((_, line) => logged.push(line))

/** An `nft` that refuses whatever it is told, or is not there. */
function programs(there: boolean, ran: string[]): Programs {
  return {
    find: name => (there ? `/sbin/${name}` : null),
    async run(argv) {
      ran.push(argv.join(' '))
      return { code: 1, out: '', err: 'no' }
    },
    start(_argv, { onLine, onError }: StartOptions) {
      const ended = Promise.withResolvers<number>()
      return {
        write(text) {
          for (const line of text.trim().split('\n')) {
            if (line === 'describe mark')
              onLine?.('meta expression, datatype mark (packet mark) (basetype integer), 32 bits')
            else setImmediate(() => onError?.('Error: Operation not supported'))
          }
        },
        async stop() {
          ended.resolve(0)
        },
        ended: ended.promise,
      }
    },
  }
}

async function open(t: TestContext, mode: RelayMode, there: boolean) {
  logged.length = 0
  const ran: string[] = []
  const parts = { udp: systemOs.udp, clock: systemOs.clock, programs: programs(there, ran) }
  const relay = await openRelay(parts, log, { mode, listenPort: 51820, bindsToListenPort: true, receive() {} })
  t.after(() => relay.close())
  return { relay, ran }
}

for (const [there, problem] of [
  [false, 'nft is not installed'],
  [true, 'nft: Error: Operation not supported'],
] as const) {
  test(`auto is the process where the kernel cannot, with a word; kernel is a failure: ${problem}`, async t => {
    const { relay } = await open(t, 'auto', there)
    assert.equal(relay.backend, 'process')
    assert.equal(logged.length, 1)
    assert.ok(logged[0]!.includes(problem), logged[0])
    await assert.rejects(open(t, 'kernel', there), {
      message: `the kernel cannot relay here: ${problem}`,
      remedy: /root/,
    })
  })
}

test('the process takes away what a kernel’s relay has left', async t => {
  const { relay, ran } = await open(t, 'process', true)
  assert.equal(relay.backend, 'process')
  // the second looks whether it is still there
  assert.deepEqual(ran, ['nft delete table netdev wh_relay_51820', 'nft list table netdev wh_relay_51820'])
  assert.deepEqual(relay.leftover(), [])
})
