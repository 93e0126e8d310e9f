// The driver alone: a clock that the test moves, a link that is an array.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Time } from '../../../src/base/time.ts'
import { Lan } from '../../../src/drivers/control/lan.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import type { LinkAddress } from '../../../src/os/links.ts'
import type { Multicast, Place } from '../../../src/os/multicast.ts'
import { type PublicKey, publicKeyOf } from '../../../src/protocol/identity/key.ts'

const minute = 60_000
const key = (byte: number) => publicKeyOf(new Uint8Array(32).fill(byte))

function link(name: string, address: string, more: Partial<LinkAddress> = {}): LinkAddress {
  const family = address.includes(':') ? 6 : 4
  const plain = { loopback: false, linkLocal: false, multicast: true, pointToPoint: false }
  return { interface: name, address, length: 24, family, ...plain, ...more }
}

class Surface {
  now: Time = 0
  #timers: { at: Time; call: () => void }[] = []
  readonly sent: { at: Time; from: string; bytes: Uint8Array }[] = []
  joined: readonly Place[] = []
  readonly heard: string[] = []
  receive: (bytes: Uint8Array, from: string) => void = () => {}
  closed = false
  readonly lan: Lan

  constructor(own: PublicKey) {
    const multicast: Multicast = {
      open: async (_group, receive) => {
        this.receive = receive
        return {
          join: places => {
            this.joined = places
          },
          send: (bytes, from) => {
            for (const { address } of from) this.sent.push({ at: this.now, from: address, bytes })
          },
          close: () => {
            this.closed = true
          },
        }
      },
    }
    let nonces = 0
    this.lan = new Lan({
      clock: {
        now: () => this.now,
        wall: () => 0,
        at: (time, call) => {
          const timer = { at: time, call }
          this.#timers.push(timer)
          return {
            cancel: () => {
              this.#timers = this.#timers.filter(each => each !== timer)
            },
          }
        },
      },
      random: { bytes: count => new Uint8Array(count).fill(nonces++), int: min => min },
      crypto: systemCrypto,
      multicast,
      publicKey: own,
      namespace: 'public',
      heard: ({ key: who, endpoint }) => this.heard.push(`${who} ${endpoint.host} ${endpoint.port}`),
    })
  }

  until(time: Time): void {
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at)
      const first = this.#timers[0]
      if (!first || first.at > time) break
      this.#timers.shift()
      this.now = Math.max(this.now, first.at)
      first.call()
    }
    this.now = time
  }

  get waiting(): number {
    return this.#timers.length
  }
}

async function surface(own = key(1), addresses = [link('eth0', '192.0.2.1')]): Promise<Surface> {
  const it = new Surface(own)
  it.lan.be(addresses, 51_820)
  await it.lan.open()
  return it
}

test('it is said three times at the start, and then every minute', async () => {
  const it = await surface()
  it.until(3 * minute)
  assert.deepEqual(
    it.sent.map(({ at }) => at),
    [0, 250, 1_000, minute, 2 * minute, 3 * minute],
  )
  assert.equal(new Set(it.sent.map(({ bytes }) => String(bytes))).size, it.sent.length)
})

test('and again when the addresses have changed', async () => {
  const it = await surface()
  it.until(10_000)
  it.sent.length = 0
  it.lan.be([link('eth0', '192.0.2.1'), link('wlan0', '198.51.100.1')], 51_820)
  it.until(20_000)
  assert.deepEqual(
    it.sent.map(({ at, from }) => [at, from]),
    [10_000, 10_250, 11_000].flatMap(at => [
      [at, '192.0.2.1'],
      [at, '198.51.100.1'],
    ]),
  )
})

test('only from where an answer could come back, and where multicast is possible', async () => {
  const it = await surface(key(1), [
    link('lo', '127.0.0.1', { loopback: true }),
    link('tap0', '10.7.0.1', { multicast: false }),
    link('tun0', '10.8.0.1', { pointToPoint: true }),
    link('eth0', 'fe80::1', { linkLocal: true }),
    link('eth0', '2001:db8::1'),
  ])
  it.until(0)
  assert.deepEqual(
    it.sent.map(({ from }) => from),
    ['2001:db8::1'],
  )
  assert.deepEqual(
    it.joined.map(({ address }) => address),
    ['2001:db8::1'],
  )
})

test('a member is heard, our own voice is not', async () => {
  const [it, other] = [await surface(key(1)), await surface(key(2), [link('eth0', '192.0.2.2')])]
  it.lan.know([key(1), key(2)])
  other.until(0)
  it.until(0)
  it.receive(other.sent[0]!.bytes, '192.0.2.2')
  it.receive(it.sent[0]!.bytes, '192.0.2.1')
  it.until(1_000)
  assert.deepEqual(it.heard, [`${key(2)} 192.0.2.2 51820`])
  assert.deepEqual(it.lan.counters, { received: 2, recognized: 1 })
})

test('closed, it says and waits for nothing', async () => {
  const it = await surface()
  it.receive(new Uint8Array(36), '192.0.2.9')
  it.lan.close()
  assert.equal(it.closed, true)
  assert.equal(it.waiting, 0)
})
