// STUN's Binding request: the answer of RFC 5769 §2, and what gets none.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../../src/base/ip.ts'
import { answerBinding } from '../../../src/protocol/carrier/stun.ts'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
const transaction = 'b7e7a701bc34d686fa87dfae'
/** As libjuice asks: SOFTWARE and FINGERPRINT. */
const asked = bytes(`0001 0014 2112a442 ${transaction} 8022 0008 6c69626a75696365 8028 0004 bfabca88`)
const from = (host: string, port: number) => ({ host: parseAddress(host)!, port })
const hex = (answer: Uint8Array | null) => answer && Buffer.from(answer).toString('hex')

test('an address and a port, as RFC 5769 §2.2 has them', () => {
  const answer = answerBinding(asked, from('192.0.2.1', 32_853))
  assert.equal(hex(answer), `0101000c2112a442${transaction}002000080001a147e112a643`)
})

test('IPv6, as RFC 5769 §2.3 has it, where the question is as long as the answer', () => {
  const long = bytes(`0001 0018 2112a442 ${transaction} 8022 0014 ${'00'.repeat(20)}`)
  const place = from('2001:db8:1234:5678:11:2233:4455:6677', 32_853)
  assert.equal(
    hex(answerBinding(long, place)),
    `010100182112a442${transaction}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`,
  )
  assert.equal(answerBinding(asked, place), null)
})

test('no answer is longer than its question', () => {
  assert.equal(answerBinding(bytes(`0001 0000 2112a442 ${transaction}`), from('192.0.2.1', 1)), null)
})

test('what is no Binding request, or wants what we do not have, gets none', () => {
  const wrong = {
    'another type': asked.with(1, 2),
    'an answer': asked.with(0, 1),
    'another cookie': asked.with(4, 0x22),
    'another length': asked.with(3, 0x10),
    'an attribute that must be understood': asked.with(20, 0),
    'an attribute past the end': asked.with(23, 0xff),
    'too short': asked.subarray(0, 19),
    nothing: new Uint8Array(0),
  }
  for (const [name, question] of Object.entries(wrong))
    assert.equal(answerBinding(question, from('192.0.2.1', 1)), null, name)
  for (let length = 0; length < asked.length; length++) answerBinding(asked.subarray(0, length), from('192.0.2.1', 1))
})
