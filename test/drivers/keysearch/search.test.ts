import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { searchKey } from '../../../src/drivers/keysearch/search.ts'
import type { Threads } from '../../../src/os/threads.ts'
import { PrivateKey, toWgForm } from '../../../src/protocol/identity/key.ts'
import { workbitOf } from '../../../src/protocol/identity/workbit.ts'

const hasWg = spawnSync('wg', ['--version']).error === undefined

/** Threads that do what a test says. */
function invented(cores: number) {
  const started: { on: { message(message: unknown): void; failed(error: Error): void }; stopped: boolean }[] = []
  const threads: Threads = {
    cores: () => cores,
    start(_module, _input, on) {
      const thread = { on: on as (typeof started)[number]['on'], stopped: false }
      started.push(thread)
      return {
        async stop() {
          thread.stopped = true
        },
      }
    },
  }
  return { threads, started }
}

const hard = { workbit: 40, namespace: 'public' }
const easy = { workbit: 6, namespace: 'example' }

test('wg computes the same public key from every key that is found', {
  skip: hasWg ? false : 'wg is missing: THE KEYS WERE NOT COMPARED WITH WIREGUARD; run bin/setup',
}, async () => {
  for (const workbit of [0, 1, 8, 8, 12, 16]) {
    const key = await searchKey({ workbit, namespace: 'public' })
    const wg = spawnSync('wg', ['pubkey'], { input: key.reveal(), encoding: 'utf8' })
    assert.equal(wg.stdout.trim(), toWgForm(key.publicKey()))
    assert.ok(workbitOf(key.publicKey(), 'public') >= workbit)
  }
})

test('many threads find one key, and two searches are nowhere near each other', async () => {
  const a = await searchKey(easy, { threads: 3 })
  const b = await searchKey(easy, { threads: 3 })
  const distance = bytesToNumberLE(a.scalar()) - bytesToNumberLE(b.scalar())
  assert.ok((distance < 0n ? -distance : distance) > 2n ** 128n, 'a start was used twice')
  assert.ok(workbitOf(a.publicKey(), 'example') >= 6 && workbitOf(b.publicKey(), 'example') >= 6)
})

test('a search can be ended, and reports tries before', async () => {
  const stop = new AbortController()
  let last = 0
  const progress = (tries: number) => {
    assert.ok(tries > last)
    last = tries
    stop.abort()
  }
  const before = performance.now()
  await assert.rejects(searchKey({ ...hard, workbit: 64 }, { signal: stop.signal, progress }), { name: 'AbortError' })
  assert.ok(last > 0 && performance.now() - before < 5000)
})

test('a search that is ended before it begins starts nothing', async () => {
  const { threads, started } = invented(4)
  await assert.rejects(searchKey(hard, { signal: AbortSignal.abort() }, threads), { name: 'AbortError' })
  assert.equal(started.length, 0)
})

test('there is a thread for each core, but one where the search is over sooner than a second has started', async () => {
  for (const [goal, options, expected] of [
    [hard, {}, 4],
    [hard, { threads: 2 }, 2],
    [easy, {}, 1],
    [easy, { threads: 2 }, 2],
  ] as const) {
    const { threads, started } = invented(4)
    const search = searchKey(goal, options, threads)
    assert.equal(started.length, expected)
    started[0]!.on.message({ tries: 1, scalar: new PrivateKey(new Uint8Array(32)).scalar() })
    await search
    assert.ok(started.every(({ stopped }) => stopped))
  }
})

test('tries of all threads are added, and the first key wins', async () => {
  const { threads, started } = invented(2)
  const seen: number[] = []
  const search = searchKey(hard, { progress: tries => seen.push(tries) }, threads)
  const [one, two] = [1, 2].map(i => new PrivateKey(new Uint8Array(32).fill(8 * i)))
  started[0]!.on.message({ tries: 5 })
  started[1]!.on.message({ tries: 7 })
  started[1]!.on.message({ tries: 1, scalar: one!.scalar() })
  started[0]!.on.message({ tries: 1, scalar: two!.scalar() })
  assert.equal((await search).reveal(), one!.reveal())
  assert.deepEqual(seen, [5, 12])
})

test('a thread that dies ends the search with its error', async () => {
  const { threads, started } = invented(2)
  const search = searchKey(hard, {}, threads)
  started[1]!.on.failed(new TypeError('internal: the search computed a wrong hash'))
  await assert.rejects(search, /wrong hash/)
  assert.ok(started.every(({ stopped }) => stopped))
})
