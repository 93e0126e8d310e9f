// Statements as sentences.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Content, Statement, StatementId } from '../../../src/protocol/membership/statement.ts'
import { sentence } from '../../../src/protocol/membership/words.ts'
import { at, keyOf, subnet } from './story.ts'

const names = new Map(['anna', 'bert', 'carl'].map(name => [keyOf(name), `${name}.test`]))
const id = 'ab'.repeat(32) as StatementId
const said = (content: Content, author = 'anna') =>
  sentence(
    { ...content, author: keyOf(author), at, after: [] } as Statement,
    key => names.get(key) ?? key,
    () => 'the invite abab',
  )

test('each kind is a sentence', () => {
  const key = keyOf('bert')
  const genesis: Content = {
    ...{ kind: 'genesis', salt: new Uint8Array(16), name: 'test', namespace: 'public', workbit: 8, subnet },
    ...{ admins: [keyOf('anna'), keyOf('carl')], boots: [] },
  }
  const proof = new Uint8Array(64)
  const endpoint = { host: 'vps.example.org', port: 62_096 }
  const inviteKey = new Uint8Array(32)
  const expected: [Content, string][] = [
    [genesis, 'anna.test began the network test: subnet 10.0.42.0/24, workbit 8, admins anna.test, carl.test'],
    [{ kind: 'invite', inviteKey, uses: 1, admin: false }, 'anna.test invited somebody'],
    [
      { kind: 'invite', inviteKey, uses: 9, admin: false, expires: at },
      'anna.test invited 9 guests, until 2027-01-15 08:00 UTC',
    ],
    [{ kind: 'invite', inviteKey, uses: 1, admin: true, hostname: 'b.test' }, 'anna.test invited b.test, as an admin'],
    [{ kind: 'admit', key }, 'anna.test admitted bert.test'],
    [
      { kind: 'admit', key, address: '10.0.42.9', endpoint, expires: at, invite: { id, proof } },
      'anna.test admitted bert.test, who came by the invite abab, at 10.0.42.9, reached at vps.example.org:62096, until 2027-01-15 08:00 UTC',
    ],
    [{ kind: 'revoke', key }, 'anna.test revoked bert.test'],
    [{ kind: 'revoke', key: keyOf('anna') }, 'anna.test left'],
    [{ kind: 'withdraw', invite: id }, 'anna.test withdrew the invite abab'],
    [{ kind: 'rotate', key, proof }, `anna.test has another key: ${key}`],
    [{ kind: 'assign', key, hostname: 'b.test' }, 'anna.test gave bert.test the name b.test'],
    [{ kind: 'assign', key, address: '10.0.42.9' }, 'anna.test gave bert.test the address 10.0.42.9'],
    [{ kind: 'assign', key, expires: 0 }, 'anna.test gave bert.test time without an end'],
    [{ kind: 'admin', key, admin: true }, 'anna.test made bert.test an admin'],
    [{ kind: 'admin', key, admin: false }, 'anna.test says that bert.test is an admin no more'],
  ]
  for (const [content, words] of expected) assert.equal(said(content), words)
})
