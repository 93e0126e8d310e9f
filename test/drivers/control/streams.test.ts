import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../../src/base/ip.ts'
import { minute, second } from '../../../src/base/time.ts'
import { type Open, type StreamConnection, type StreamLimits, Streams } from '../../../src/drivers/control/streams.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { openOverhead } from '../../../src/protocol/stream/constants.ts'
import { Simulation } from '../../../src/sim/simulation.ts'
import { plainCrypto } from '../../sim/plain-crypto.ts'

const delay = 10
type Sent = { open?: Open; packet: Uint8Array; from: Endpoint; to: Endpoint }

/** Nodes on an invented network; `lab.node('a')` is at 10.0.0.97. */
class Lab {
  readonly simulation = new Simulation(1)
  readonly nodes = new Map<string, Streams>()
  readonly sent: Sent[] = []
  loses: (sent: Sent, index: number) => boolean = () => false

  node(name: string, limits?: StreamLimits): Streams {
    const from = place(name)
    const carry = (sent: Sent, deliver: (streams: Streams) => void) => {
      this.sent.push(sent)
      if (this.loses(sent, this.sent.length - 1)) return
      this.simulation.at(this.simulation.now() + delay, () => {
        const streams = this.nodes.get(sent.to.host)
        if (streams) deliver(streams)
      })
    }
    const link = {
      sendOpen: (_key: PublicKey, to: Endpoint, open: Open) =>
        carry({ open, packet: open.packet, from, to }, streams => streams.handleOpen(keyOf(name), from, open)),
      sendStream: (packet: Uint8Array, to: Endpoint) =>
        carry({ packet, from, to }, streams => streams.handleStream(packet, from)),
    }
    const streams = new Streams({ clock: this.simulation, random: this.simulation, crypto: plainCrypto }, link, limits)
    this.nodes.set(from.host, streams)
    return streams
  }

  run(time: number, done?: () => boolean): Promise<void> {
    return this.simulation.runAsync(this.simulation.now() + time, done)
  }
}

const place = (name: string): Endpoint => ({ host: `10.0.0.${name.charCodeAt(0)}`, port: 4242 })
const keyOf = (name: string) => name.repeat(43) as PublicKey

/** What a connection told, in order. */
function listen(connection: StreamConnection): string[] {
  const told: string[] = []
  connection.on.data = bytes => told.push(`data ${Buffer.from(bytes)}`)
  connection.on.end = () => told.push('end')
  connection.on.drain = () => told.push('drain')
  connection.on.closed = error => told.push(`closed ${error?.reason ?? 'well'}`)
  return told
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text))

async function connected() {
  const lab = new Lab()
  const a = lab.node('a')
  const b = lab.node('b')
  const accepted: StreamConnection[] = []
  const told: string[][] = []
  b.accept = connection => {
    accepted.push(connection)
    told.push(listen(connection))
  }
  const dialed = a.dial(keyOf('b'), place('b'))
  const dialedTold = listen(dialed)
  dialed.write(bytes('hello'))
  await lab.run(second)
  return { lab, a, b, dialed, dialedTold, accepted: accepted[0]!, acceptedTold: told[0]!, told }
}

test('a connection there and back, and its end', async () => {
  const { lab, a, b, dialed, dialedTold, accepted, acceptedTold } = await connected()
  assert.deepEqual([accepted.key, accepted.endpoint, accepted.direction], [keyOf('a'), place('a'), 'inbound'])
  assert.deepEqual([dialed.key, dialed.endpoint, dialed.direction], [keyOf('b'), place('b'), 'outbound'])
  accepted.write(bytes('welcome'))
  accepted.end()
  await lab.run(second)
  dialed.write(bytes('bye'))
  dialed.end()
  await lab.run(10 * second)
  assert.deepEqual(acceptedTold, ['data hello', 'data bye', 'end', 'closed well'])
  assert.deepEqual(dialedTold, ['data welcome', 'end', 'closed well'])
  assert.deepEqual([a.size, b.size], [0, 0], 'nothing is left')
  assert.deepEqual([a.counters.dialed, b.counters.accepted], [1, 1])
})

test('writes of one turn travel in one packet', async () => {
  const { lab, dialed } = await connected()
  lab.sent.length = 0
  for (const letter of 'abcdefgh') dialed.write(bytes(letter))
  await lab.run(5)
  assert.equal(lab.sent.length, 1)
})

test('a dial that is refused is told later, not from within dial', async () => {
  const lab = new Lab()
  const a = lab.node('a', { halfOpen: 1, connections: 0 })
  const connection = a.dial(keyOf('b'), place('b'))
  const told = listen(connection)
  assert.equal(connection.write(bytes('x')), 0)
  await lab.run(1)
  assert.deepEqual([told, a.size, lab.sent], [['closed too many connections'], 0, []])
})

test('reset and close: the peer is told', async () => {
  const first = await connected()
  first.accepted.reset()
  await first.lab.run(10 * second)
  assert.deepEqual(first.dialedTold, ['closed reset by peer'])
  assert.deepEqual(first.acceptedTold.at(-1), 'closed reset')

  const second_ = await connected()
  second_.a.close()
  assert.deepEqual(second_.dialedTold, ['closed reset'])
  assert.equal(second_.dialed.write(bytes('x')), 0)
  await second_.lab.run(10 * second)
  assert.deepEqual([second_.acceptedTold.at(-1), second_.a.size, second_.b.size], ['closed reset by peer', 0, 0])
})

test('a peer that is not there: closed after twelve seconds', async () => {
  const lab = new Lab()
  const a = lab.node('a')
  const told = listen(a.dial(keyOf('x'), place('x')))
  await lab.run(11 * second)
  assert.deepEqual(told, [])
  await lab.run(2 * second)
  assert.deepEqual([told, a.size], [['closed no answer'], 0])
})

test('pause: nothing is handed out until resume, then everything in order', async () => {
  const { lab, dialed, accepted, acceptedTold } = await connected()
  acceptedTold.length = 0
  // paused from within the first call
  let got = 0
  accepted.on.data = bytes => {
    got += bytes.length
    accepted.pause()
  }
  const data = new Uint8Array(300_000)
  let at = dialed.write(data)
  dialed.on.drain = () => {
    at += dialed.write(data.subarray(at))
    if (at === data.length) dialed.end()
  }
  await lab.run(10 * second)
  const first = got
  assert.ok(first > 0 && first <= 2048, `${first}`)
  accepted.on.data = bytes => {
    got += bytes.length
  }
  accepted.resume()
  await lab.run(10 * second)
  assert.equal(got, data.length)
  assert.deepEqual(acceptedTold, ['end'])
})

test('an idle connection sets no timers', async () => {
  const { lab, dialedTold } = await connected()
  let timers = 0
  const at = lab.simulation.at.bind(lab.simulation)
  lab.simulation.at = (time, call) => {
    timers++
    return at(time, call)
  }
  await lab.run(4 * minute)
  assert.ok(timers <= 2, `${timers}`)
  await lab.run(2 * minute)
  assert.deepEqual(dialedTold, ['closed idle'])
})

test('OPENs of a connection reach it only from its key and its endpoint', async () => {
  const { lab, b, told } = await connected()
  const { open } = lab.sent.find(sent => sent.open)!
  const dropped = (reason: string) => b.counters.dropped[reason] ?? 0
  b.handleOpen(keyOf('a'), place('a'), open!)
  assert.equal(dropped('duplicate'), 1, 'the same again is known')
  b.handleOpen(keyOf('c'), place('a'), open!)
  b.handleOpen(keyOf('a'), place('c'), open!)
  assert.equal(dropped('another peer'), 2)
  b.handleStream(lab.sent.at(-1)!.packet, place('c'))
  assert.equal(dropped('another endpoint'), 1)
  b.handleOpen(keyOf('a'), place('a'), { ...open!, connection: new Uint8Array(8) })
  b.handleOpen(keyOf('a'), place('a'), { ...open!, packet: new Uint8Array(3) })
  b.handleStream(new Uint8Array(60), place('a'))
  assert.equal(dropped('malformed'), 3)
  const unknown = Uint8Array.from(open!.packet).fill(7, 2, 10)
  b.handleStream(unknown, place('a'))
  assert.equal(dropped('unknown connection'), 1)
  b.handleOpen(keyOf('a'), place('a'), {
    connection: unknown.subarray(2, 10),
    secret: new Uint8Array(32),
    packet: unknown,
  })
  assert.equal(dropped('not authentic'), 1)
  assert.deepEqual([told.length, b.size], [1, 1])
})

test('a replayed OPEN makes a half-open connection, which sends no more than it got, and dies after ten seconds', async () => {
  const { lab, a, b, dialed, accepted, told } = await connected()
  const { open } = lab.sent.find(sent => sent.open)!
  dialed.end()
  accepted.end()
  await lab.run(10 * second)
  assert.deepEqual([a.size, b.size], [0, 0])
  lab.sent.length = 0
  b.accept = connection => {
    told.push(listen(connection))
    connection.write(new Uint8Array(60_000))
  }
  b.handleOpen(keyOf('a'), place('a'), open!)
  await lab.run(9 * second)
  assert.deepEqual([b.size, told.at(-1)], [1, ['data hello']])
  await lab.run(2 * second)
  assert.deepEqual([b.size, told.at(-1)], [0, ['data hello', 'closed unconfirmed']])
  const bytesSent = lab.sent.reduce((sum, { packet }) => sum + packet.length, 0)
  assert.ok(bytesSent <= open!.packet.length + openOverhead, `${bytesSent}`)
})

test('half-open connections are bounded: the oldest makes room', async () => {
  const lab = new Lab()
  const a = lab.node('a')
  const b = lab.node('b', { halfOpen: 3, connections: 10 })
  lab.loses = ({ from }) => from.host === place('b').host
  const told: string[][] = []
  b.accept = connection => void told.push(listen(connection))
  for (let i = 0; i < 5; i++) {
    a.dial(keyOf('b'), place('b')).write(bytes(`${i}`))
    await lab.run(15)
  }
  assert.deepEqual(told, [
    ['data 0', 'closed too many connections'],
    ['data 1', 'closed too many connections'],
    ['data 2'],
    ['data 3'],
    ['data 4'],
  ])
  assert.equal(b.size, 3)
})

test('connections are bounded: refused, and counted; one that is over makes room', async () => {
  const lab = new Lab()
  const a = lab.node('a')
  const b = lab.node('b', { halfOpen: 2, connections: 2 })
  const accepted: StreamConnection[] = []
  b.accept = connection => void accepted.push(connection)
  const dialed = ['x', 'y', 'z'].map(text => {
    const connection = a.dial(keyOf('b'), place('b'))
    connection.write(bytes(text))
    return connection
  })
  await lab.run(50)
  assert.deepEqual([b.size, accepted.length, (b.counters.dropped['too many connections'] ?? 0) > 0], [2, 2, true])
  accepted[0]!.reset()
  await lab.run(second)
  assert.deepEqual([b.size, accepted.length], [2, 3])
  assert.equal(dialed.length, 3)
})

test('what a lost server forgot: silence, and the client gives up', async () => {
  const { lab, dialed, dialedTold } = await connected()
  const b = lab.node('b')
  dialed.write(bytes('still there?'))
  await lab.run(13 * second)
  assert.deepEqual(dialedTold, ['closed no answer'])
  assert.ok(b.counters.dropped['unknown connection']! > 5)
})
