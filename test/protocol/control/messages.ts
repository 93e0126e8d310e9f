// Messages as fast-check draws them: every one that may be sent.

import fc from 'fast-check'
import { addressOf } from '../../../src/base/ip.ts'
import * as sizes from '../../../src/protocol/control/constants.ts'
import type { Message } from '../../../src/protocol/control/message.ts'

// with a prototype, as the decoder makes them
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(fields, { noNullPrototype: true })

export const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

const transaction = exactly(sizes.transactionLength)
const port = fc.integer({ min: 1, max: 0xffff })
export const endpoint = fc
  .oneof(exactly(4), exactly(16))
  .chain(bytes => record({ host: fc.constant(addressOf(bytes)), port }))

const pingFields = { type: fc.constant('ping' as const), transaction, candidate: fc.nat(0xffff) }
const ping = fc.oneof(
  record({ ...pingFields, padding: fc.integer({ min: sizes.minPadding, max: sizes.maxPadding }) }),
  record({
    ...pingFields,
    padding: fc.integer({ min: sizes.minPaddingWithNetwork, max: sizes.maxPadding }),
    network: exactly(sizes.networkLength),
  }),
)
const pongFields = {
  type: fc.constant('pong' as const),
  transaction,
  observed: endpoint,
  clock: fc.nat(0xffffffff).map(seconds => seconds * 1_000),
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

export const message: fc.Arbitrary<Message> = fc.oneof(ping, pong, find, answer, open)
