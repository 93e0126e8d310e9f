// Messages as fast-check draws them: every one that may be sent.

import fc from 'fast-check'
import { addressOf } from '../../../src/base/ip.ts'
import * as sizes from '../../../src/protocol/control/constants.ts'
import { type BoundState, leastPadding, type Message } from '../../../src/protocol/control/message.ts'
import { publicKeyOf } from '../../../src/protocol/identity/key.ts'
import { host, recordBody } from '../directory/bodies.ts'

// with a prototype, as the decoder makes them
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(fields, { noNullPrototype: true })

export const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

const transaction = exactly(sizes.transactionLength)
const port = fc.integer({ min: 1, max: 0xffff })
export const endpoint = fc
  .oneof(exactly(4), exactly(16))
  .chain(bytes => record({ host: fc.constant(addressOf(bytes)), port }))

const token = exactly(sizes.tokenLength)
const clock = fc.nat(0xffffffff).map(seconds => seconds * 1_000)
/** Each of these fields, or not. */
const some = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { noNullPrototype: true, requiredKeys: [] })

const ping = fc
  .tuple(
    record({ type: fc.constant('ping' as const), transaction, candidate: fc.nat(0xffff) }),
    some({
      network: exactly(sizes.networkLength),
      changePort: fc.constant(true as const),
      changeAddress: fc.constant(true as const),
      answerTo: record({ token, endpoint }),
    }),
    fc.nat(sizes.maxPadding),
  )
  .map(([fields, asked, more]) => {
    const least = leastPadding(asked)
    return { ...fields, ...asked, padding: least + (more % (sizes.maxPadding - least + 1)) }
  })
const pongFields = {
  type: fc.constant('pong' as const),
  transaction,
  observed: endpoint,
  clock,
}
const pong = fc.oneof(record(pongFields), record({ ...pongFields, sameNetwork: fc.boolean() }))
const find = record({ type: fc.constant('find' as const), transaction, id: exactly(sizes.idLength) })
const answer = record({
  type: fc.constant('record' as const),
  transaction,
  record: fc.uint8Array({ maxLength: sizes.maxRecord }),
})
const open = record({
  type: fc.constant('open' as const),
  connection: exactly(sizes.connectionLength),
  secret: exactly(sizes.secretLength),
  packet: fc.uint8Array({ maxLength: sizes.maxOpenPacket }),
})

/** What looks like a sealed datagram, as short and as long as a CALL carries. */
export const sealed = fc
  .uint8Array({ minLength: sizes.minDatagram, maxLength: sizes.maxCalled })
  .map(bytes => Uint8Array.of(sizes.controlByte, sizes.formats.sealed, ...bytes.subarray(2)))
const call = record({
  type: fc.constant('call' as const),
  transaction,
  token,
  target: exactly(sizes.keyLength).map(publicKeyOf),
  datagram: sealed,
})
const home = record({
  type: fc.constant('home' as const),
  transaction,
  token: fc.oneof(
    fc.constant(null),
    token.filter(bytes => bytes.some(byte => byte !== 0)),
  ),
})
const homeWithRelay = record({
  type: fc.constant('home' as const),
  transaction,
  token: fc.constant(null),
  relay: fc.constant(true as const),
})
const leaseFields = {
  type: fc.constant('lease' as const),
  transaction,
  state: fc.constantFrom('leased' as const, 'prove' as const, 'full' as const),
  token,
  seconds: fc.nat(0xffff),
  observed: endpoint,
  clock,
  other: some({ port, address: host }),
}
const lease = fc.oneof(record(leaseFields), record({ ...leaseFields, relay: port }))
const called = record({
  type: fc.constant('called' as const),
  transaction,
  state: fc.constantFrom('passed' as const, 'prove' as const, 'absent' as const, 'busy' as const),
})
const bind = record({
  type: fc.constant('bind' as const),
  transaction,
  token: fc.oneof(
    fc.constant(null),
    token.filter(bytes => bytes.some(byte => byte !== 0)),
  ),
  port,
})
const bound = record({
  type: fc.constant('bound' as const),
  transaction,
  state: fc.constantFrom<BoundState>('bound', 'waiting', 'prove', 'absent', 'full', 'refused'),
  token,
  seconds: fc.nat(0xffff),
  observed: endpoint,
})
const sockets = port
const step = fc.integer({ min: -0x8000, max: 0x7fff }).filter(step => step !== 0)
const spray = fc.oneof(
  record({ host, sockets }),
  record({ host, base: port, sockets }),
  record({ host, base: port, step, sockets }),
)
const offerFields = {
  ...{ type: fc.constant('offer' as const), transaction, answer: fc.boolean() },
  ...{ network: exactly(sizes.networkLength), at: fc.nat(Number.MAX_SAFE_INTEGER), body: recordBody },
}
const offer = fc.oneof(record(offerFields), record({ ...offerFields, spray }))

export const message: fc.Arbitrary<Message> = fc.oneof(
  ...[ping, pong, find, answer, open],
  ...[call, home, homeWithRelay, lease, called, offer, bind, bound],
)
