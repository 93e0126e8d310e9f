import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { hex } from '@scure/base'
import fc from 'fast-check'
import { addressBytes } from '../../../src/base/ip.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import * as sizes from '../../../src/protocol/control/constants.ts'
import {
  decodeMessage,
  encodeMessage,
  type Message,
  networkTag,
  type Offer,
} from '../../../src/protocol/control/message.ts'
import { decodeBody, encodeBody } from '../../../src/protocol/directory/record-body.ts'
import { PrivateKey, publicKeyBytes } from '../../../src/protocol/identity/key.ts'
import { message } from './messages.ts'

const transaction = hex.decode('000102030405060708090a0b')
const zeros = (count: number) => '00'.repeat(count)
const clock = 1_800_000_000_000

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8'))
const vectors: { receiver: string; datagrams: { name: string; body: string; datagram: string }[] } =
  read('control.json')
const records = read('records.json')
const tokenHex = '202122232425262728292a2b2c2d2e2f'
const token = hex.decode(tokenHex)
const receiver = new PrivateKey(hex.decode(vectors.receiver)).publicKey()
const sealedPing = hex.decode(vectors.datagrams[0]!.datagram)
const offer: Message = {
  ...{ type: 'offer', transaction, answer: false, network: networkTag(systemCrypto, 'test'), at: clock + 123 },
  body: decodeBody(hex.decode(records.bodies[0].body))!,
}

// name, message, bytes; the same bodies are sealed in test/vectors/control.json
const rows: [string, Message, string][] = [
  [
    'PING',
    { type: 'ping', transaction, candidate: 258, padding: 24 },
    `01 000102030405060708090a0b 00 0102 ${zeros(24)}`,
  ],
  [
    'PONG, IPv4',
    { type: 'pong', transaction, observed: { host: '192.0.2.7', port: 51820 }, clock },
    '02 000102030405060708090a0b 04 c0000207 ca6c 000000006b49d200',
  ],
  [
    'PONG, IPv6',
    { type: 'pong', transaction, observed: { host: '2001:db8::7', port: 51820 }, clock },
    '02 000102030405060708090a0b 06 20010db8000000000000000000000007 ca6c 000000006b49d200',
  ],
  [
    'FIND',
    { type: 'find', transaction, id: new Uint8Array(32).fill(0xab) },
    `03 000102030405060708090a0b ${'ab'.repeat(32)} ${zeros(738)}`,
  ],
  ['RECORD', { type: 'record', transaction, record: hex.decode('c0ffee') }, '04 000102030405060708090a0b 0003 c0ffee'],
  ['RECORD, none', { type: 'record', transaction, record: new Uint8Array(0) }, '04 000102030405060708090a0b 0000'],
  [
    'OPEN',
    {
      type: 'open',
      connection: hex.decode('1011121314151617'),
      secret: new Uint8Array(32).fill(0xcd),
      packet: hex.decode('ff02c0'),
    },
    `05 1011121314151617 ${'cd'.repeat(32)} 0003 ff02c0 ${zeros(1040)}`,
  ],
  [
    'PING, from elsewhere',
    {
      ...{ type: 'ping', transaction, candidate: 258, padding: 43, network: networkTag(systemCrypto, 'test') },
      ...{ changePort: true, changeAddress: true },
      answerTo: { token, endpoint: { host: '2001:db8::7', port: 40001 } },
    },
    `01 000102030405060708090a0b 0f 0102 9388d6b9a06ee4f6 ${tokenHex} 06 20010db8000000000000000000000007 9c41`,
  ],
  ['HOME', { type: 'home', transaction, token }, `07 000102030405060708090a0b ${tokenHex} ${zeros(49)}`],
  ['HOME, no token', { type: 'home', transaction, token: null }, `07 000102030405060708090a0b ${zeros(65)}`],
  [
    'LEASE',
    {
      ...{ type: 'lease', transaction, state: 'leased', token, seconds: 90, clock },
      ...{ observed: { host: '198.51.100.9', port: 40001 }, other: { port: 51821, address: '203.0.113.8' } },
    },
    `0a 000102030405060708090a0b 01 ${tokenHex} 005a 04 c6336409 9c41 000000006b49d200 ca6d 04 cb007108`,
  ],
  [
    'LEASE, the shortest',
    {
      ...{ type: 'lease', transaction, state: 'prove', token, seconds: 0, clock },
      ...{ observed: { host: '198.51.100.9', port: 40001 }, other: {} },
    },
    `0a 000102030405060708090a0b 02 ${tokenHex} 0000 04 c6336409 9c41 000000006b49d200 0000 00`,
  ],
  [
    'LEASE, the longest',
    {
      ...{ type: 'lease', transaction, state: 'full', token, seconds: 0, clock },
      ...{ observed: { host: '2001:db8::9', port: 40001 }, other: { port: 51821, address: '2001:db8::8' } },
    },
    `0a 000102030405060708090a0b 03 ${tokenHex} 0000 06 20010db8000000000000000000000009 9c41 000000006b49d200
     ca6d 06 20010db8000000000000000000000008`,
  ],
  [
    'HOME, a relay port wanted',
    { type: 'home', transaction, token, relay: true },
    `07 000102030405060708090a0b ${tokenHex} 01 ${zeros(50)}`,
  ],
  [
    'LEASE, a relay port',
    {
      ...{ type: 'lease', transaction, state: 'leased', token, seconds: 90, clock, relay: 61234 },
      ...{ observed: { host: '198.51.100.9', port: 40001 }, other: { port: 51821, address: '203.0.113.8' } },
    },
    `0a 000102030405060708090a0b 01 ${tokenHex} 005a 04 c6336409 9c41 000000006b49d200 ca6d 04 cb007108 ef32`,
  ],
  [
    'LEASE, the longest with a relay port',
    {
      ...{ type: 'lease', transaction, state: 'leased', token, seconds: 90, clock, relay: 61234 },
      ...{ observed: { host: '2001:db8::9', port: 40001 }, other: { port: 51821, address: '2001:db8::8' } },
    },
    `0a 000102030405060708090a0b 01 ${tokenHex} 005a 06 20010db8000000000000000000000009 9c41 000000006b49d200
     ca6d 06 20010db8000000000000000000000008 ef32`,
  ],
  [
    'BIND',
    { type: 'bind', transaction, token, port: 61234 },
    `08 000102030405060708090a0b ${tokenHex} ef32 ${zeros(20)}`,
  ],
  [
    'BIND, no token',
    { type: 'bind', transaction, token: null, port: 61234 },
    `08 000102030405060708090a0b ${zeros(16)} ef32 ${zeros(20)}`,
  ],
  [
    'BOUND, IPv4',
    {
      ...{ type: 'bound', transaction, state: 'bound', token, seconds: 60 },
      observed: { host: '198.51.100.9', port: 40001 },
    },
    `0d 000102030405060708090a0b 01 ${tokenHex} 003c 04 c6336409 9c41`,
  ],
  [
    'BOUND, IPv6',
    {
      ...{ type: 'bound', transaction, state: 'prove', token, seconds: 0 },
      observed: { host: '2001:db8::9', port: 40001 },
    },
    `0d 000102030405060708090a0b 03 ${tokenHex} 0000 06 20010db8000000000000000000000009 9c41`,
  ],
  ['CALLED', { type: 'called', transaction, state: 'absent' }, '0b 000102030405060708090a0b 03'],
  [
    'CALL',
    { type: 'call', transaction, token, target: receiver, datagram: sealedPing },
    `06 000102030405060708090a0b ${tokenHex} ${hex.encode(publicKeyBytes(receiver))} 009a ${hex.encode(sealedPing)}`,
  ],
  [
    'OFFER',
    offer,
    `0c 000102030405060708090a0b 00 9388d6b9a06ee4f6 000001a3185c507b 0080 ${records.bodies[0].body} ${zeros(32)}`,
  ],
  [
    'OFFER, answer and spray',
    { ...offer, answer: true, spray: { host: '198.51.100.9', base: 40001, step: -2, sockets: 256 } },
    `0c 000102030405060708090a0b 03 9388d6b9a06ee4f6 000001a3185c507b 0080 ${records.bodies[0].body}
     04 c6336409 9c41 fffe 0100 ${zeros(21)}`,
  ],
]

for (const [name, message, row] of rows) {
  const text = row.replaceAll(/\s/g, '')
  test(`${name} in hex`, () => {
    assert.equal(hex.encode(encodeMessage(message)), text)
    assert.deepEqual(decodeMessage(hex.decode(text)), message)
    assert.equal(vectors.datagrams.find(vector => vector.name === name)?.body, text)
  })
}

test('the examples of docs/protocol/control.md are those rows', () => {
  const text = readFileSync(new URL('../../../docs/protocol/control.md', import.meta.url), 'utf8')
  const examples = [...text.matchAll(/^0[1-9a-d](?: [0-9a-f]+)+/gm)].map(match => match[0].replaceAll(' ', ''))
  assert.equal(examples.length, 15)
  for (const example of examples) {
    assert.ok(
      vectors.datagrams.some(({ body }) => body.startsWith(example.replace(/00$/, ''))),
      example,
    )
  }
})

test('what is encoded is decoded, and fits a datagram', () => {
  fc.assert(
    fc.property(message, message => {
      const bytes = encodeMessage(message)
      assert.ok(bytes.length <= sizes.maxMessage)
      assert.deepEqual(decodeMessage(bytes), message)
    }),
    { numRuns: 500 },
  )
})

test('trailing bytes are padding; only a PING counts them', () => {
  fc.assert(
    fc.property(message, fc.uint8Array({ maxLength: 50 }), (message, more) => {
      // after a PONG that says no network, and a LEASE that says no relay port, comes padding, which is zero
      if (message.type === 'pong' && message.sameNetwork === undefined) more.fill(0)
      if (message.type === 'lease' && message.relay === undefined) more.fill(0)
      const bytes = encodeMessage(message)
      const longer = new Uint8Array(bytes.length + more.length)
      longer.set(bytes)
      longer.set(more, bytes.length)
      if (message.type !== 'ping') assert.deepEqual(decodeMessage(longer), message)
      else if (longer.length <= sizes.maxMessage)
        assert.deepEqual(decodeMessage(longer), { ...message, padding: message.padding + more.length })
    }),
    { numRuns: 300 },
  )
})

/** Without its padding. */
function offerLength({ body, spray }: Offer): number {
  const address = spray && addressBytes(spray.host).length
  return 32 + encodeBody(body).length + (address === undefined ? 0 : 1 + address + 6)
}

test('a message cut anywhere before its padding is malformed, and so is a short question', () => {
  const known = {
    ping: sizes.pingLength,
    pong: Infinity,
    find: sizes.findLength,
    record: Infinity,
    open: sizes.openLength,
    home: sizes.homeLength,
    bind: sizes.bindLength,
    ...{ call: Infinity, lease: Infinity, called: Infinity, bound: Infinity },
  }
  fc.assert(
    fc.property(message, fc.nat(), (message, cut) => {
      const bytes = encodeMessage(message)
      const needed = {
        ...known,
        open: Math.max(sizes.openLength, sizes.openHead + (message.type === 'open' ? message.packet.length : 0)),
        offer: message.type === 'offer' ? offerLength(message) : 0,
        ...(message.type === 'home' && message.relay && { home: sizes.homeLengthWithRelay }),
      }[message.type]
      // without its last byte, what says of which network the node is, a PONG is one that does not say; a LEASE without its relay port, too
      const last =
        message.type === 'pong' && message.sameNetwork !== undefined
          ? 1
          : message.type === 'lease' && message.relay !== undefined
            ? 2
            : 0
      const length = cut % Math.min(needed, bytes.length - last)
      assert.equal(decodeMessage(bytes.subarray(0, length)), 'malformed')
    }),
    { numRuns: 500 },
  )
})

test('types that are not known, or not yet', () => {
  for (const type of [9]) assert.equal(decodeMessage(Uint8Array.of(type, 1, 2, 3)), 'reserved type')
  for (const type of [0, 14, 255]) assert.equal(decodeMessage(Uint8Array.of(type, 1, 2, 3)), 'unknown type')
  assert.equal(decodeMessage(new Uint8Array(0)), 'malformed')
})

test('fields beyond their bounds', () => {
  const record = (length: number) => hex.decode(`04${zeros(12)}${length.toString(16).padStart(4, '0')}${zeros(length)}`)
  assert.notEqual(decodeMessage(record(sizes.maxRecord)), 'malformed')
  assert.equal(decodeMessage(record(sizes.maxRecord + 1)), 'malformed')
  const open = (length: number) => hex.decode(`05${zeros(40)}${length.toString(16).padStart(4, '0')}${zeros(length)}`)
  assert.notEqual(decodeMessage(open(sizes.maxOpenPacket)), 'malformed')
  assert.equal(decodeMessage(open(sizes.maxOpenPacket + 1)), 'malformed')
  const pong = (family: string, clock: string, port = '0001') =>
    hex.decode(`02${zeros(12)}${family}${zeros(4)}${port}${clock}`)
  assert.notEqual(decodeMessage(pong('04', '0000000fffffffff')), 'malformed')
  assert.equal(decodeMessage(pong('04', '0000000fffffffff', '0000')), 'malformed')
  assert.equal(decodeMessage(pong('05', '0000000fffffffff')), 'malformed')
  assert.equal(decodeMessage(pong('04', 'ffffffffffffffff')), 'malformed')
})

test('nobody here sends what may not be sent', () => {
  const record = new Uint8Array(sizes.maxRecord + 1)
  const packet = new Uint8Array(sizes.maxOpenPacket + 1)
  const [connection, secret] = [new Uint8Array(8), new Uint8Array(32)]
  for (const padding of [0, sizes.minPadding - 1, sizes.maxPadding + 1])
    assert.throws(() => encodeMessage({ type: 'ping', transaction, candidate: 0, padding }), TypeError)
  assert.throws(() => encodeMessage({ type: 'record', transaction, record }), TypeError)
  assert.throws(() => encodeMessage({ type: 'open', connection, secret, packet }), TypeError)
})

test('what may not be in a message of homes', () => {
  const sealed = (length: number, ...start: number[]) => {
    const bytes = new Uint8Array(length)
    bytes.set(start)
    return bytes
  }
  const call = (datagram: Uint8Array) => ({ type: 'call', transaction, token, target: receiver, datagram }) as const
  const passed = [sealed(sizes.minDatagram, 0xff, 1), sealed(sizes.maxCalled, 0xff, 1)]
  for (const datagram of passed) assert.equal(encodeMessage(call(datagram)).length, sizes.callHead + datagram.length)
  // WireGuard's packets, streams, announcements, and what is too short or too long to be sealed
  const refused = [
    ...[1, 2, 3, 4].map(type => sealed(148, type)),
    ...[0, 2, 3].map(format => sealed(148, 0xff, format)),
    ...[2, sizes.minDatagram - 1, sizes.maxCalled + 1].map(length => sealed(length, 0xff, 1)),
  ]
  for (const datagram of refused) {
    assert.throws(() => encodeMessage(call(datagram)), TypeError)
    const head = encodeMessage(call(passed[0]!)).subarray(0, sizes.callHead)
    const body = Uint8Array.of(...head.subarray(0, -2), datagram.length >> 8, datagram.length & 255, ...datagram)
    assert.equal(decodeMessage(body), 'malformed')
  }
  const body = (name: string) => hex.decode(vectors.datagrams.find(vector => vector.name === name)!.body)
  const changed = (name: string, at: number, ...values: number[]) => {
    const bytes = body(name)
    bytes.set(values, at)
    return decodeMessage(bytes)
  }
  for (const state of [0, 4]) assert.equal(changed('LEASE', 13, state), 'malformed')
  for (const state of [0, 5]) assert.equal(changed('CALLED', 13, state), 'malformed')
  assert.equal(changed('LEASE', 37, 0, 0), 'malformed', 'no port')
  assert.equal(changed('LEASE', 39, 255), 'malformed', 'a clock beyond all')
  assert.deepEqual(changed('LEASE', 50, 224), { ...(decodeMessage(body('LEASE')) as object), other: { port: 51821 } })
  assert.equal(changed('PING, from elsewhere', 57, 0, 0), 'malformed', 'an answer to port 0')
  assert.equal(decodeMessage(body('PING, from elsewhere').subarray(0, 58)), 'malformed')
  assert.equal(changed('OFFER', 22, 255), 'malformed', 'a time beyond all')
  assert.equal(changed('OFFER', 33, 17), 'malformed', '17 endpoints')
  const spray = 32 + 128
  assert.equal(changed('OFFER, answer and spray', spray, 9), 'malformed', 'a family of the future')
  assert.equal(changed('OFFER, answer and spray', spray + 1, 224), 'malformed', 'multicast')
  assert.equal(changed('OFFER, answer and spray', spray + 9, 0, 0), 'malformed', 'no sockets')
  const none = changed('OFFER, answer and spray', spray + 5, 0, 0)
  assert.deepEqual(none, { ...offer, answer: true, spray: { host: '198.51.100.9', sockets: 256 } })
})

test('the length of an OFFER tells little', () => {
  fc.assert(
    fc.property(message, message => {
      if (message.type !== 'offer') return
      const { length } = encodeMessage(message)
      assert.ok(length % 64 === 0 && length <= 576 && length + sizes.overhead <= sizes.maxCalled)
    }),
    { numRuns: 300 },
  )
})

test('the numbers belong together', () => {
  assert.equal(sizes.overhead, 114)
  const longest = encodeMessage({ type: 'pong', transaction, observed: { host: '2001:db8::7', port: 1 }, clock })
  assert.equal(longest.length, sizes.pongLength)
  assert.ok(sizes.pingLength >= sizes.pongLength)
  assert.ok(
    sizes.findLength >= encodeMessage({ type: 'record', transaction, record: new Uint8Array(sizes.maxRecord) }).length,
  )
  assert.equal(sizes.maxMessage + sizes.overhead, sizes.maxDatagram)
  assert.equal(sizes.openLength + sizes.overhead, sizes.minOpenDatagram)
  assert.ok(sizes.findLength <= sizes.maxMessage && sizes.openLength <= sizes.maxMessage)
  const { source, strangers, peer } = sizes.budgets
  assert.ok(source.rate < strangers.rate && source.burst < strangers.burst && source.rate < peer.rate)
})

test('a PING may ask for a network, and its PONG says whether it is ours', () => {
  const transaction = Uint8Array.from({ length: 12 }, (_, i) => i)
  const network = networkTag(systemCrypto, 'test')
  const ping = { type: 'ping', transaction, candidate: 258, padding: sizes.minPaddingWithNetwork, network } as const
  const tag = '9388d6b9a06ee4f6'
  assert.equal(hex.encode(encodeMessage(ping)), `01000102030405060708090a0b010102${tag}${'00'.repeat(17)}`)
  const pong = {
    type: 'pong',
    transaction,
    observed: { host: '192.0.2.7', port: 51820 },
    clock: 1_800_000_000_000,
  } as const
  const start = '02000102030405060708090a0b04c0000207ca6c000000006b49d200'
  assert.equal(hex.encode(encodeMessage({ ...pong, sameNetwork: true })), `${start}01`)
  assert.equal(hex.encode(encodeMessage({ ...pong, sameNetwork: false })), `${start}02`)
  assert.ok(
    encodeMessage(ping).length >=
      encodeMessage({ ...pong, observed: { host: '2001:db8::1', port: 1 }, sameNetwork: true }).length,
  )
  assert.equal(decodeMessage(encodeMessage(ping).subarray(0, 40)), 'malformed', 'its PONG could be longer')
})
