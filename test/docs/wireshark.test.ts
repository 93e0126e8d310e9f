import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as sizes from '../../src/protocol/control/constants.ts'
import { encodeMessage } from '../../src/protocol/control/message.ts'
import { announcementLength } from '../../src/protocol/lan/announcement.ts'

const lua = readFileSync(new URL('../../config/wireshark/wh.lua', import.meta.url), 'utf8')

test('the dissector has the numbers of the code', () => {
  const shortest = [sizes.minDatagram, sizes.minStreamPacket, announcementLength, sizes.overhead + sizes.bindLength]
  const least = shortest.map((length, i) => `[${i + 1}] = ${length}`)
  assert.ok(lua.includes(`local least = { ${least.join(', ')} }`))
  assert.ok(lua.includes(`local tag_length = ${sizes.tagLength}\n`))
  assert.ok(lua.includes(`buffer:len() - ${sizes.overhead}\n`))
  const transaction = new Uint8Array(sizes.transactionLength)
  const body = { nat: 'none', endpoints: [], homes: [] } as const
  const shortestLease = encodeMessage({
    ...{ type: 'lease', transaction, state: 'leased', token: new Uint8Array(sizes.tokenLength), seconds: 0 },
    ...{ observed: { host: '192.0.2.1', port: 1 }, clock: 0, other: {} },
  })
  const called = encodeMessage({ type: 'called', transaction, state: 'passed' })
  const offer = encodeMessage({
    ...{ type: 'offer', transaction, answer: false, network: new Uint8Array(sizes.networkLength), at: 0, body },
  })
  const exact = [28, sizes.pingLength, sizes.findLength, sizes.recordHead, sizes.boundLength, sizes.boundLength - 12]
  for (const length of [...exact, called.length, shortestLease.length, sizes.homeLength, sizes.homeLengthWithRelay])
    assert.ok(lua.includes(`if length == ${length} then`), `${length}`)
  assert.ok(lua.includes(`if length >= ${offer.length} and length % ${sizes.offerBlock} == 0 then`))
  assert.ok(lua.includes(`if length >= ${sizes.callHead + sizes.minDatagram} then`))
  assert.ok(lua.includes(`if length >= ${sizes.openLength} then`))
})

test('the dissector draws the fields where the code puts them', () => {
  const start = sizes.headerLength + sizes.checkLength
  const sender = start + sizes.keyLength
  const body = sender + sizes.keyLength + sizes.tagLength
  for (const field of [
    `f.check, buffer(${sizes.headerLength}, ${sizes.checkLength})`,
    `f.ephemeral, buffer(${start}, ${sizes.keyLength})`,
    `f.sender, buffer(${sender}, ${body - sender})`,
    `f.body, buffer(${body})`,
    `f.connection, buffer(${sizes.headerLength}, ${sizes.connectionLength})`,
    `f.frames, buffer(${sizes.streamHead})`,
  ])
    assert.ok(lua.includes(field), field)
})
