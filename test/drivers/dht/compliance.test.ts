// libp2p's own suite for transports, on streams that only look like it, and on the real ones. It is written for mocha, whose names it expects as globals.

import 'aegir/chai'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Libp2pInit } from 'libp2p'
import { readPeerAddress } from '../../../src/drivers/dht/address.ts'
import { Identity } from '../../../src/drivers/dht/identity.ts'
import { streamTransport } from '../../../src/drivers/dht/transport.ts'
import { systemRandom } from '../../../src/os/random.ts'
import { Fabric } from './fabric.ts'
import { Wire } from './wire.ts'
import { keyWith } from './world.ts'

/** mocha hands a test its context as `this`. */
const mocha =
  (add: typeof it) =>
  (name: string, body: (this: object) => unknown): void =>
    void add(name, context => body.call({ timeout() {}, skip: () => context.skip() }) as Promise<void>)

Object.assign(globalThis, { describe, it: mocha(it), before, after, beforeEach, afterEach })

// chai-parentheses loses the subject of `have.property(NAME).that`, which has to become the property's value (chai's own rule)
type Overwrite = (original: (...given: unknown[]) => unknown) => (name: string, ...rest: unknown[]) => void
// chai has no types here
const {
  default: chai,
}: {
  default: {
    util: { flag(of: object, name: string, value?: unknown): Record<string, unknown> }
    Assertion: { overwriteMethod(name: string, by: Overwrite): void }
  }
} = await import(`${'chai'}`)
const { flag } = chai.util
chai.Assertion.overwriteMethod('property', original => {
  return function (this: object, name: string, ...rest: unknown[]) {
    const subject = flag(this, 'object')
    original.call(this, name, ...rest)
    if (typeof subject?.then !== 'function') flag(this, 'object', subject[name])
  }
})

const { default: transportSuite } = await import('@libp2p/interface-compliance-tests/transport')

const isStream = (address: Multiaddr) => readPeerAddress(address)?.via === 'udp'
const matcher = { matches: isStream, exactMatch: isStream }
const at = (port: number) => ({ host: '127.0.0.1', port })

function setup(fabric: Fabric | Wire) {
  const init = (ports: number[], listens: boolean): Libp2pInit => {
    const key = keyWith(0)
    const port = fabric.port(key.publicKey(), at(ports[0]!), ports.slice(1).map(at))
    return {
      privateKey: new Identity(key, systemRandom),
      addresses: { listen: listens ? ports.map(port => `/ip4/127.0.0.1/udp/${port}`) : [] },
      transports: [streamTransport(port)],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      connectionGater: { denyDialMultiaddr: () => false },
    }
  }
  return {
    dialer: init([1], false),
    listener: init([2, 3], true),
    dialMultiaddrMatcher: matcher,
    listenMultiaddrMatcher: matcher,
  }
}

for (const [name, network] of [
  ['fabric', () => new Fabric()],
  ['streams', () => new Wire()],
] as const) {
  describe(name, () => transportSuite({ setup: async () => setup(network()) as never, teardown: async () => {} }))
}
