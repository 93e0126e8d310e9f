// A guest with a token and a member who lets him in: what is proved, what is refused, and who is deceived by nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../../src/base/log.ts'
import { Admission } from '../../../src/node/membership/admission.ts'
import { Conversation } from '../../../src/node/membership/conversation.ts'
import { type Joined, join, Refused } from '../../../src/node/membership/join.ts'
import type { Registrar } from '../../../src/node/membership/registrar.ts'
import { systemClock } from '../../../src/os/clock.ts'
import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { inviteKeyOf } from '../../../src/protocol/membership/invite-key.ts'
import type { Content } from '../../../src/protocol/membership/statement.ts'
import type { Token } from '../../../src/protocol/membership/token.ts'
import type { Member } from '../../../src/protocol/network/types.ts'
import { at, keyOf, privateKeyOf } from '../../protocol/membership/story.ts'
import { genesis, line, memory, registrar } from './line.ts'

const secret = new Uint8Array(16).fill(5)
const token: Token = { network: genesis.id, secret, workbit: 0, namespace: 'public', places: [] }
const invite = (more: Partial<Content & { kind: 'invite' }> = {}): Content => ({
  ...{ kind: 'invite', inviteKey: inviteKeyOf(secret), uses: 1, admin: false },
  ...more,
})
const admit = (name: string): Content => ({ kind: 'admit', key: keyOf(name), hostname: `${name}.test` })

/** Anna's network, with an invite. @param wall the clock of who admits */
function founded(more?: Partial<Content & { kind: 'invite' }>, wall = at): Registrar {
  const anna = registrar('anna', memory(), wall)
  anna.say(admit('anna'))
  anna.say(invite(more))
  return anna
}

async function come(
  host: Registrar,
  name: string,
  { hostname, with: other = token }: { hostname?: string; with?: Token } = {},
): Promise<Joined> {
  const [near, far] = line()
  const members = (): Member[] =>
    host.membership!.members.map(({ key, hostname, address }) => ({
      ...{ role: 'trust', key, ipv6: 'fd00::1' },
      ...(hostname && { hostname }),
      ...(address && { ipv4: address }),
    }))
  const admission = new Admission({
    ...{ clock: host.clock, log: createLogger(() => {}), crypto, registrar: host, members },
  })
  const answered = admission.answer(keyOf(name), far)
  const talk = new Conversation(near, systemClock)
  try {
    const guest = { crypto, key: privateKeyOf(name), token: other, hostname, machine: name, found: () => {}, now: at }
    return await join(guest, talk)
  } finally {
    talk.close()
    await answered
  }
}

const refusal = async (joining: Promise<Joined>) => {
  const error = await joining.then(
    () => assert.fail('was let in'),
    it => it,
  )
  return `${error instanceof Refused ? 'refused: ' : ''}${error.message}`
}

test('a token lets in its guest, under the name he wants, at an address of his own', async () => {
  const anna = founded()
  const { self, membership, statements } = await come(anna, 'bert', { hostname: 'b.test' })
  assert.equal(self.hostname, 'b.test')
  assert.match(self.address!, /^10\.0\.42\./)
  assert.equal(membership.members.length, 2)
  assert.deepEqual(membership.members, anna.membership!.members)
  assert.equal(statements.length, 4)
})

test('without a name the machine’s, or another where that is taken; with one that the invite keeps, that', async () => {
  const anna = founded({ uses: 5 })
  assert.equal((await come(anna, 'bert')).self.hostname, 'bert.test')
  const twin = await come(anna, 'carl', { hostname: 'BERT.test' }).catch(error => error.message)
  assert.match(twin, /the name bert\.test is another member's/)
  assert.equal((await come(founded({ hostname: 'db.test' }), 'bert', { hostname: 'x.test' })).self.hostname, 'db.test')
})

test('any member lets in, also who is no admin', async () => {
  const anna = founded({ uses: 2 })
  const { statements } = await come(anna, 'bert')
  const bert = registrar('bert', memory([...statements]))
  const { self } = await come(bert, 'carl')
  assert.deepEqual([self.by, self.hostname], [keyOf('bert'), 'carl.test'])
})

test('used up, expired, withdrawn, revoked, unknown, altered: refused, with the reason', async () => {
  const used = founded()
  await come(used, 'bert')
  assert.equal(await refusal(come(used, 'carl')), 'refused: the invite is used up')
  const expired = founded({ expires: at - 60_000 })
  assert.match(await refusal(come(expired, 'bert')), /refused: the invite expired at 2027-01-15 07:59 UTC/)
  const withdrawn = founded()
  withdrawn.say({ kind: 'withdraw', invite: withdrawn.membership!.invitations[0]!.id })
  assert.equal(await refusal(come(withdrawn, 'bert')), 'refused: the invite was withdrawn')
  const revoked = founded()
  revoked.say({ kind: 'revoke', key: keyOf('bert') })
  assert.equal(await refusal(come(revoked, 'bert')), 'refused: this key was revoked: make another one')
  const wrong = { ...token, secret: new Uint8Array(16) }
  assert.match(await refusal(come(founded(), 'bert', { with: wrong })), /refused: no such invite/)
  const other = { ...token, network: '0'.repeat(64) as Token['network'] }
  assert.match(await refusal(come(founded(), 'bert', { with: other })), /refused: no such invite/)
})

test('who lost the line at the last moment is let in again, and uses up nothing', async () => {
  const anna = founded()
  const first = await come(anna, 'bert', { hostname: 'b.test' })
  const again = await come(anna, 'bert', { hostname: 'b.test' })
  assert.deepEqual(again.self, first.self)
  assert.equal(anna.roll!.size, 4)
})

test('a member that is none deceives nobody: its network has not the token’s hash', async () => {
  const evil = registrar('evil', memory())
  // knows the genesis, and has said what it likes beside
  const [near, far] = line()
  const talk = new Conversation(far, systemClock)
  const lies = (async () => {
    await talk.hear()
    await talk.say({ kind: 'statements', statements: [genesis.bytes, ...evil.roll!.all().map(({ bytes }) => bytes)] })
    await talk.say({ kind: 'done' })
    await talk.hear()
  })()
  const guest = {
    crypto,
    key: privateKeyOf('bert'),
    token,
    hostname: undefined,
    machine: 'b',
    found: () => {},
    now: at,
  }
  const mine = new Conversation(near, systemClock)
  assert.match(await refusal(join(guest, mine)), /no admin has signed this invite/)
  mine.close()
  await lies
})
