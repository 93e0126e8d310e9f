/**
 * libp2p over control packets beside TCP: to dial (handshakes included), to ping, and a look-up among 8 nodes that are not connected
 * with each other yet. Delay and loss are made in this process; TCP cannot be made to lose here.
 */

import { connect, createServer, type Server } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Endpoint } from '../../src/base/ip.ts'
import { formatPeerAddress } from '../../src/drivers/dht/address.ts'
import { peerOf } from '../../src/drivers/dht/gate.ts'
import { Identity } from '../../src/drivers/dht/identity.ts'
import { type StreamSource, streamTransport } from '../../src/drivers/dht/transport.ts'
import { systemRandom } from '../../src/os/random.ts'
import type { PrivateKey } from '../../src/protocol/identity/key.ts'
import { Wire } from '../drivers/dht/wire.ts'
import { keyWith, meet, recordOf, World } from '../drivers/dht/world.ts'

const dials = 60
const pings = 200
const walkers = 8
const walks = 24

type Path = { readonly name: string; readonly via: 'tcp' | 'udp'; readonly delay: number; readonly loss: number }

const paths: Path[] = [
  { name: 'TCP, no delay', via: 'tcp', delay: 0, loss: 0 },
  { name: 'control packets, no delay', via: 'udp', delay: 0, loss: 0 },
  { name: 'TCP, 20 ms', via: 'tcp', delay: 10, loss: 0 },
  { name: 'control packets, 20 ms', via: 'udp', delay: 10, loss: 0 },
  { name: 'control packets, 20 ms, 5 % lost', via: 'udp', delay: 10, loss: 0.05 },
]

export async function links(): Promise<void> {
  console.log(`\n${dials} dials, ${pings} pings, ${walks} look-ups among ${walkers} nodes; milliseconds`)
  const heads = ['dial p50', 'p95', 'ping p50', 'p95', 'get p50', 'p95', 'found']
  console.log(`  ${''.padEnd(34)}${heads.map(head => head.padStart(9)).join('')}`)
  for (const path of paths) {
    const pair = await pairs(path)
    const look = await lookUps(path)
    const cells = [at(pair.dials, 0.5), at(pair.dials, 0.95), at(pair.pings, 0.5), at(pair.pings, 0.95)]
    cells.push(at(look.times, 0.5), at(look.times, 0.95), `${look.found}/${walks}`)
    console.log(`  ${path.name.padEnd(34)}${cells.map(cell => cell.padStart(9)).join('')}`)
  }
}

const at = (times: number[], part: number) => times.sort((a, b) => a - b)[Math.floor(part * times.length)]!.toFixed(0)

let nextPort = 30_000

/** Where a node listens, and where it is called: for TCP a relay that delays stands between. */
async function place({ via, delay }: Path): Promise<{ endpoint: Endpoint; listen: string; relay: Server | null }> {
  const port = nextPort++
  const endpoint = { host: '127.0.0.1', port }
  if (via === 'udp' || delay === 0) return { endpoint, listen: '127.0.0.1', relay: null }
  const relay = createServer({ noDelay: true }, from => {
    const to = connect({ host: '127.0.0.2', port, noDelay: true })
    // the SYN and its answer went without delay: they are paid for with the first bytes
    let owed = 2 * delay
    const pass = (source: typeof from, target: typeof from) => {
      source.on('data', bytes => {
        setTimeout(() => target.write(bytes), delay + (source === from ? owed : 0))
        if (source === from) setTimeout(() => (owed = 0), owed)
      })
      source.on('close', () => setTimeout(() => target.destroy(), delay))
      source.on('error', () => {})
    }
    pass(from, to)
    pass(to, from)
  })
  await new Promise<void>(resolve => relay.listen(port, '127.0.0.1', resolve))
  return { endpoint, listen: '127.0.0.2', relay }
}

function network({ delay, loss }: Path): Wire {
  const wire = new Wire()
  wire.delay = delay
  wire.loss = loss
  return wire
}

async function pairs(path: Path): Promise<{ dials: number[]; pings: number[] }> {
  const wire = network(path)
  const { endpoint, listen, relay } = await place(path)
  const serverKey = keyWith(0)
  const start = (key: PrivateKey, port: StreamSource, listens: boolean) =>
    createLibp2p({
      privateKey: new Identity(key, systemRandom),
      addresses: {
        listen: listens ? [path.via === 'tcp' ? `/ip4/${listen}/tcp/${endpoint.port}` : '/ip4/0.0.0.0/udp/1'] : [],
      },
      transports: [path.via === 'tcp' ? tcp() : streamTransport(port)],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: { inboundConnectionThreshold: 1000 },
      connectionGater: { denyDialMultiaddr: () => false },
      services: { ping: ping({ maxInboundStreams: 64, maxOutboundStreams: 64 }) },
    })
  const server = await start(serverKey, wire.port(serverKey.publicKey(), endpoint), true)
  const clientKey = keyWith(0)
  const client = await start(
    clientKey,
    wire.port(clientKey.publicKey(), { host: '127.0.0.1', port: nextPort++ }),
    false,
  )
  const address = formatPeerAddress(path.via, endpoint, peerOf(serverKey.publicKey()).toString())
  const result = { dials: [] as number[], pings: [] as number[] }
  for (let i = 0; i < dials; i++) {
    const begin = performance.now()
    const connection = await client.dial(address)
    result.dials.push(performance.now() - begin)
    connection.abort(new Error('again'))
  }
  for (let i = 0; i < pings; i++) {
    const begin = performance.now()
    await client.services.ping.ping(address)
    // the first one dials
    if (i > 0) result.pings.push(performance.now() - begin)
  }
  await client.stop()
  await server.stop()
  relay?.close()
  return result
}

/** Fresh clients, each of which knows one node and asks for one record: a dial, identify, and the walk. */
async function lookUps(path: Path): Promise<{ times: number[]; found: number }> {
  const wire = network(path)
  const world = new World()
  const relays: (Server | null)[] = []
  const add = async (server: boolean) => {
    const { endpoint, listen, relay } = await place(path)
    relays.push(relay)
    const key = keyWith(0)
    const how =
      path.via === 'tcp'
        ? { streams: null, tcpPort: server ? endpoint.port : 0, tcpHosts: [listen] }
        : { streams: wire.port(key.publicKey(), endpoint) }
    return world.add({ endpoint, endpoints: [endpoint], server, ...how }, key)
  }
  for (let i = 0; i < walkers; i++) {
    const node = await add(true)
    if (i > 0) await meet(node, world.nodes[0]!)
  }
  const [first, owner] = world.nodes
  const { id, value } = recordOf(owner!.key)
  await owner!.directory.publish(id, value)
  const times: number[] = []
  let found = 0
  for (let i = 0; i < walks; i++) {
    const client = await add(false)
    const begin = performance.now()
    await meet(client, first!)
    for await (const _ of client.directory.find(id)) {
      found++
      break
    }
    times.push(performance.now() - begin)
    await client.directory.stop()
  }
  await world.stop()
  for (const relay of relays) relay?.close()
  return { times, found }
}
