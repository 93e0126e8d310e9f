// The roll: what of what comes is kept, in any order, and what is not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { afterOf } from '../../../src/protocol/membership/after.ts'
import { inviteKeyOf, proveInvite } from '../../../src/protocol/membership/invite-key.ts'
import { Roll } from '../../../src/protocol/membership/roll.ts'
import { type Signed, signStatement } from '../../../src/protocol/membership/signed.ts'
import type { Content, StatementId } from '../../../src/protocol/membership/statement.ts'
import { at, keyOf, privateKeyOf, subnet } from './story.ts'

const random = (count: number) => new Uint8Array(count)
const secret = new Uint8Array(16).fill(3)
const genesis = signStatement(
  privateKeyOf('anna'),
  null,
  {
    ...{ kind: 'genesis', author: keyOf('anna'), at, after: [], salt: new Uint8Array(16) },
    ...{ name: 'test', namespace: 'public', workbit: 8, subnet, admins: [keyOf('anna')], boots: [] },
  },
  random,
)

function founded(): Roll {
  const roll = new Roll(crypto, genesis.id, [keyOf('anna')])
  assert.equal(roll.add(genesis.bytes), 'new')
  return roll
}

function say(roll: Roll, author: string, content: Content, after?: readonly StatementId[]): Signed {
  const known = after ?? afterOf(roll.graph, roll.network, keyOf(author), content)
  const statement = { ...content, author: keyOf(author), at, after: [...known].sort() }
  return signStatement(privateKeyOf(author), roll.network, statement, random)
}

const admit = (name: string): Content => ({ kind: 'admit', key: keyOf(name), hostname: `${name}.test` })
const invite: Content = { kind: 'invite', inviteKey: inviteKeyOf(secret), uses: 1, admin: false }

test('what is signed and entitled is kept, once, and changes who is a member', () => {
  const roll = founded()
  const bert = say(roll, 'anna', admit('bert'))
  assert.equal(roll.membership(at)?.members.length, 0)
  assert.deepEqual([roll.add(bert.bytes), roll.add(bert.bytes)], ['new', 'known'])
  assert.equal(roll.membership(at)?.members.length, 1)
  assert.deepEqual(
    roll.all().map(({ id }) => id),
    [genesis.id, bert.id],
  )
})

test('in any order: what comes too early waits', () => {
  const source = founded()
  const all: Signed[] = []
  for (const content of [admit('bert'), invite, admit('carl'), { kind: 'revoke', key: keyOf('bert') } as const]) {
    const signed = say(source, 'anna', content)
    source.add(signed.bytes)
    all.push(signed)
  }
  const roll = founded()
  assert.deepEqual(
    all.toReversed().map(({ bytes }) => roll.add(bytes)),
    ['waiting', 'waiting', 'waiting', 'new'],
  )
  assert.deepEqual(roll.membership(at), source.membership(at))
})

test('strangers, members beyond their right, other networks and forged words are refused', () => {
  const roll = founded()
  for (const content of [admit('bert'), invite]) roll.add(say(roll, 'anna', content).bytes)
  const { id } = roll.all().find(({ statement }) => statement.kind === 'invite')!
  const guest = (author: string, name: string, secretOf = secret) => {
    const who = { key: keyOf(name), hostname: `${name}.test` }
    const proof = proveInvite(secretOf, roll.network, id, who)
    return say(roll, author, { kind: 'admit', ...who, invite: { id, proof } })
  }
  const refused: [string, Signed][] = [
    ['not entitled', say(roll, 'evil', admit('evil'))],
    ['not entitled', say(roll, 'bert', admit('evil'))],
    ['not entitled', say(roll, 'bert', invite)],
    ['not entitled', say(roll, 'bert', { kind: 'revoke', key: keyOf('anna') })],
    ['not entitled', say(roll, 'bert', { kind: 'withdraw', invite: id })],
    ['not entitled', say(roll, 'bert', { kind: 'admin', key: keyOf('bert'), admin: true })],
    ['not entitled', say(roll, 'bert', { kind: 'assign', key: keyOf('anna'), hostname: 'x.test' })],
    ['not entitled', guest('evil', 'evil')],
    ['not signed', guest('bert', 'evil', new Uint8Array(16))],
  ]
  for (const [why, signed] of refused) assert.equal(roll.add(signed.bytes), why)
  const forged = Uint8Array.from(say(roll, 'anna', admit('evil')).bytes)
  forged[forged.length - 1]! ^= 1
  assert.equal(roll.add(forged), 'not signed')
  const other = signStatement(
    privateKeyOf('anna'),
    null,
    { ...genesis.statement, salt: new Uint8Array(16).fill(1) } as typeof genesis.statement,
    random,
  )
  assert.equal(roll.add(other.bytes), 'not of this network')
  assert.equal(roll.add(new Uint8Array(100)), 'malformed')
  // and what he may: let in who has the secret; go
  assert.equal(roll.add(guest('bert', 'carl').bytes), 'new')
  assert.equal(roll.add(say(roll, 'bert', { kind: 'revoke', key: keyOf('bert') }).bytes), 'new')
  assert.deepEqual(
    roll.membership(at)?.members.map(({ hostname }) => hostname),
    ['carl.test'],
  )
})

test('one invite’s guests, and what waits, do not grow without end', () => {
  const roll = founded()
  for (const content of [admit('bert'), invite]) roll.add(say(roll, 'anna', content).bytes)
  const { id } = roll.all().find(({ statement }) => statement.kind === 'invite')!
  const after = roll.all().map(each => each.id)
  const kept = Array.from({ length: 100 }, (_, i) => {
    const who = { key: keyOf(`guest ${i}`) }
    const proof = proveInvite(secret, roll.network, id, who)
    return roll.add(say(roll, 'bert', { kind: 'admit', ...who, invite: { id, proof } }, after).bytes)
  })
  assert.equal(kept.filter(each => each === 'new').length, 65)
  assert.equal(roll.membership(at)?.members.length, 2)
})
