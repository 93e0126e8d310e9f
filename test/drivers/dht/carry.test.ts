// Streams for carriers between two real nodes on this machine's loopback: by TCP, by a WebSocket in TLS, and through an HTTP proxy.

import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { type ByteStream, Carrier } from '../../../src/drivers/carrier/carrier.ts'
import { selfSigned } from '../../../src/os/certificate.ts'
import { systemClock } from '../../../src/os/clock.ts'
import { connectWebSocket, proxyFor } from '../../../src/os/websocket.ts'
import type { Rung } from '../../../src/protocol/carrier/rungs.ts'
import type { PublicKey } from '../../../src/protocol/identity/key.ts'
import { httpProxy } from '../../lab/http-proxy.ts'
import { keyWith, type Node, until, World } from './world.ts'

const world = new World(4)
const host = '127.0.0.1'
const came: { key: PublicKey; carrier: Carrier; got: [number, number][] }[] = []
let server: Node
let guest: Node
let at: { host: string; port: number }
let proxy: Server
let webAt = 0
let proxyUrl: URL | null = null
const asked: string[] = []

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, host, resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise(resolve => probe.close(resolve))
  return port
}

before(async () => {
  const [tcpPort, webPort] = [await freePort(), await freePort()]
  at = { host, port: tcpPort }
  webAt = webPort
  const web = {
    port: webPort,
    connect: connectWebSocket,
    proxyFor: () => proxyUrl,
  }
  server = await world.add({
    ...{ tcpPort, tcpHosts: [host], web, certificate: await selfSigned(), endpoint: at },
    carried(key, stream) {
      const got: [number, number][] = []
      const carrier = new Carrier(stream, systemClock, {
        receive(bytes, port) {
          got.push([port, bytes.length])
          carrier.send(bytes, port)
        },
        closed() {},
      })
      came.push({ key, carrier, got })
    },
  })
  guest = await world.add({ web })
  proxy = httpProxy(place => void asked.push(place))
  await new Promise<void>(resolve => proxy.listen(0, host, resolve))
})

after(async () => {
  await world.stop()
  proxy.close()
  proxy.closeAllConnections()
})

const open = (rung: Rung['name'], node = guest): Promise<ByteStream | null> =>
  node.directory.carry(server.publicKey, at, rung, AbortSignal.timeout(10_000))

/** Datagrams go there and come back. */
async function works(stream: ByteStream): Promise<void> {
  const back: [number, number][] = []
  let closed = false
  const carrier = new Carrier(stream, systemClock, {
    receive: (bytes, port) => void back.push([port, bytes.length]),
    closed() {
      closed = true
    },
  })
  carrier.send(new Uint8Array(1_452).fill(1), 61_000)
  carrier.send(new Uint8Array(1).fill(2), 51_820)
  await until(() => back.length === 2)
  assert.deepEqual(back, [
    [61_000, 1_452],
    [51_820, 1],
  ])
  const { key, carrier: theirs } = came.at(-1)!
  assert.equal(key, guest.publicKey)
  carrier.close()
  assert.equal(closed, true)
  await until(() => theirs.isClosed)
}

for (const rung of ['tcp', 'wss'] as const) {
  test(`by ${rung}: the server learns who has come, and datagrams go both ways`, async () => {
    await works((await open(rung))!)
  })
}

test('through a proxy, if the environment names one, and by nothing else', async () => {
  assert.equal(await open('proxy'), null)
  proxyUrl = new URL(`http://${host}:${(proxy.address() as AddressInfo).port}`)
  await works((await open('proxy'))!)
  assert.equal(asked.length, 1)
  assert.match(asked[0]!, /^127\.0\.0\.1:\d+$/)
  await works((await open('wss'))!)
  assert.equal(asked.length, 1)
  proxyUrl = null
})

test('many, one after the other: none is left open', async () => {
  for (let i = 0; i < 6; i++) await works((await open('tcp'))!)
  await until(() => server.directory.status().connections === 0)
})

test('what strangers say on the port of WebSockets hurts nobody: no TLS, no WebSocket, no frame, too long a frame', async () => {
  const port = webAt
  const gone = (socket: Socket) =>
    new Promise<void>(resolve => {
      socket.on('close', () => resolve())
      socket.on('error', () => {})
    })
  const plain = connect(port, host)
  plain.write('GET / HTTP/1.1\r\n\r\n')
  await gone(plain)
  const upgrade = [
    'GET / HTTP/1.1',
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==',
    '\r\n',
  ].join('\r\n')
  for (const frame of [
    // not masked; an opcode that is none; 2^40 bytes to come
    [0x82, 1, 0],
    [0x87, 0x80, 0, 0, 0, 0],
    [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ]) {
    const socket = connectTls({ port, host, rejectUnauthorized: false })
    const ended = gone(socket)
    socket.write(upgrade)
    await new Promise(resolve => socket.once('data', resolve))
    socket.write(Uint8Array.from(frame))
    await ended
  }
  await works((await open('wss'))!)
})

test('a stream that has ended at this moment takes nothing, and throws nothing', async () => {
  const stream = (await open('tcp'))!
  await until(() => came.length > 0)
  const closed = new Promise<void>(resolve => {
    stream.onClosed = resolve
  })
  came.at(-1)!.carrier.close()
  await closed
  assert.equal(stream.write(Uint8Array.of(1)), false)
  stream.abort()
})

test('who has not done the work gets none', async () => {
  const before = came.length
  const stranger = await world.add({}, keyWith(0, 4))
  await assert.rejects(open('tcp', stranger))
  assert.equal(came.length, before)
})

test('where nobody listens, it says so', async () => {
  const nowhere = { host, port: await freePort() }
  await assert.rejects(
    guest.directory.carry(server.publicKey, nowhere, 'tcp', AbortSignal.timeout(10_000)),
    /ECONNREFUSED/,
  )
})

test('the proxy of the environment: HTTPS_PROXY, unless NO_PROXY names the place', t => {
  const names = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy', 'ALL_PROXY', 'all_proxy']
  const saved = names.map(name => [name, process.env[name]] as const)
  t.after(() => {
    for (const [name, value] of saved) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })
  for (const name of names) delete process.env[name]
  const place = { host: '192.0.2.1', port: 443 }
  assert.equal(proxyFor(place), null)
  process.env.HTTPS_PROXY = 'http://proxy.example:3128'
  assert.equal(proxyFor(place)?.host, 'proxy.example:3128')
  process.env.NO_PROXY = '192.0.2.1'
  assert.equal(proxyFor(place), null)
})

test('a web server has the port: the node does without, and says so in its log', async () => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, host, resolve))
  const { port } = taken.address() as AddressInfo
  const web = { port, connect: connectWebSocket, proxyFor: () => null }
  const { lines } = await world.add({ web, tcpHosts: [host], certificate: await selfSigned() })
  assert.ok(lines.some(line => line.includes('no WebSockets: another program has the port')))
  taken.close()
})
