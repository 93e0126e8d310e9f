// What a network's statements mean: told as stories, with partitions and traitors.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, subnet, View } from './story.ts'

const members = (view: View) => view.now.members.map(({ hostname }) => hostname).sort()
const admins = (view: View, ...of: string[]) => of.filter(name => view.now.admins.includes(keyOf(name)))

/** A network of one admin, who is a member. */
function founded(...more: string[]): View {
  const view = View.begin(['anna'])
  view.admit('anna', 'anna')
  for (const name of more) view.admit('anna', name)
  return view
}

test('an admin admits; a member does by an invite only; a stranger does not', () => {
  const view = founded('bert')
  view.admit('bert', 'carl')
  view.admit('stranger', 'dora')
  assert.deepEqual(members(view), ['anna.test', 'bert.test'])
  const invite = view.invite('anna', { uses: 2 })
  view.guest('bert', 'carl', invite)
  view.guest('stranger', 'dora', invite)
  view.guest('bert', 'emil', view.invite('bert'))
  assert.deepEqual(members(view), ['anna.test', 'bert.test', 'carl.test'])
  const carl = view.now.members.find(({ hostname }) => hostname === 'carl.test')
  assert.deepEqual([carl?.by, carl?.invite], [keyOf('bert'), invite])
  assert.deepEqual([...view.now.refused.values()].sort(), [
    'its author is no admin',
    'its author is no admin',
    'its author is no admin',
    'its author is no member',
    'the invite is none',
  ])
})

test('whose word is not accepted says nothing, be he in the genesis', () => {
  const view = View.begin(['anna', 'otto'], ['anna'])
  view.admit('otto', 'bert')
  view.admit('anna', 'carl')
  assert.deepEqual(members(view), ['carl.test'])
})

test('an invite lets in as many as it says, the same ones for everybody', () => {
  const view = founded('bert', 'carl')
  const invite = view.invite('anna')
  const [one, other] = [view.fork(), view.fork()]
  one.guest('bert', 'dora', invite)
  other.guest('carl', 'emil', invite)
  assert.equal(one.now.members.length, 4)
  one.merge(other)
  other.merge(one)
  assert.deepEqual(members(one), members(other))
  assert.equal(one.now.members.length, 4)
  assert.equal(one.now.invitations[0]?.guests.length, 1)
  assert.deepEqual([...one.now.refused.values()], ['the invite is used up'])
  // twice the same one, by two members that do not know of one another, is one use
  const again = view.fork()
  const twin = view.fork()
  again.guest('bert', 'dora', invite)
  twin.guest('carl', 'dora', invite)
  again.merge(twin)
  assert.ok(members(again).includes('dora.test'))
})

test('a withdrawn invite lets in nobody, nor whom its end had not seen; who was in stays', () => {
  const view = founded('bert')
  const invite = view.invite('anna', { uses: 5 })
  view.guest('bert', 'carl', invite)
  const apart = view.fork()
  view.say('anna', { kind: 'withdraw', invite })
  apart.guest('bert', 'dora', invite)
  view.merge(apart)
  view.guest('bert', 'emil', invite)
  assert.deepEqual(members(view), ['anna.test', 'bert.test', 'carl.test'])
  assert.equal(view.now.invitations[0]?.withdrawn, true)
})

test('a revoked key is out for ever, with its name free, and what it said unseen is void', () => {
  const view = founded('bert', 'carl')
  const invite = view.invite('anna', { uses: 9 })
  view.guest('bert', 'dora', invite)
  const thief = view.fork()
  view.revoke('anna', 'bert')
  thief.guest('bert', 'evil', invite)
  view.merge(thief)
  assert.deepEqual(members(view), ['anna.test', 'carl.test', 'dora.test'])
  view.admit('anna', 'bert')
  view.admit('anna', 'bert2', { hostname: 'bert.test' })
  assert.deepEqual(view.names('bert', 'bert2').bert, undefined)
  assert.deepEqual(view.names('bert', 'bert2').bert2, 'bert.test')
  assert.equal(view.now.conflicts.length, 0)
})

test('nobody revokes others but an admin; everybody may go', () => {
  const view = founded('bert', 'carl')
  view.revoke('bert', 'carl')
  view.revoke('bert', 'bert')
  assert.deepEqual(members(view), ['anna.test', 'carl.test'])
})

test('the thief of an admin’s key cannot undo its revocation, however he writes', () => {
  const view = founded('bert', 'carl')
  view.admin('anna', 'bert')
  view.say('bert', { kind: 'assign', key: keyOf('carl'), hostname: 'charles.test' })
  const thief = view.fork()
  view.revoke('anna', 'bert')
  // knows nothing of it, or says so
  thief.admit('bert', 'evil')
  thief.admin('bert', 'carl')
  thief.revoke('bert', 'anna')
  view.merge(thief)
  assert.deepEqual(members(view), ['anna.test', 'charles.test'])
  assert.deepEqual(admins(view, 'anna', 'bert', 'carl'), ['anna'])
  // and says that it comes after the revocation
  view.revoke('bert', 'anna')
  view.admit('bert', 'evil2')
  assert.deepEqual(members(view), ['anna.test', 'charles.test'])
})

test('an admin revokes who made him one, unless that one does the same: then the more senior stays', () => {
  const view = founded('bert', 'carl')
  view.admin('anna', 'bert')
  const [anna, bert] = [view.fork(), view.fork()]
  bert.revoke('bert', 'anna')
  assert.deepEqual(admins(bert, 'anna', 'bert'), ['bert'])
  bert.admit('bert', 'dora')
  assert.deepEqual(members(bert), ['bert.test', 'carl.test', 'dora.test'])
  anna.revoke('anna', 'bert')
  bert.merge(anna)
  anna.merge(bert)
  assert.deepEqual(members(bert), ['anna.test', 'carl.test'])
  assert.deepEqual(members(anna), members(bert))
  assert.deepEqual(admins(anna, 'anna', 'bert'), ['anna'])
})

test('who is an admin no more is a member still, and his later word as one counts', () => {
  const view = founded('bert', 'carl')
  view.admin('anna', 'bert')
  const invite = view.invite('anna', { uses: 3 })
  const apart = view.fork()
  view.admin('anna', 'bert', false)
  apart.admit('bert', 'dora')
  apart.guest('bert', 'emil', invite)
  view.merge(apart)
  assert.deepEqual(admins(view, 'anna', 'bert'), ['anna'])
  assert.deepEqual(members(view), ['anna.test', 'bert.test', 'carl.test', 'emil.test'])
})

test('an invite for an admin makes one', () => {
  const view = founded('bert')
  const invite = view.invite('anna', { admin: true, uses: 5 })
  const [one, other] = [view.fork(), view.fork()]
  one.guest('bert', 'carl', invite)
  other.guest('bert', 'dora', invite)
  one.merge(other)
  assert.equal(admins(one, 'carl', 'dora').length, 1)
  assert.equal(one.now.members.length, 3)
})

test('another key takes the place of one, with name, address and rank; the old one is over', () => {
  const view = founded('bert')
  view.say('anna', { kind: 'assign', key: keyOf('bert'), address: '10.0.42.77' })
  view.admin('anna', 'bert')
  const apart = view.fork()
  view.rotate('bert', 'bert2')
  apart.admit('bert', 'evil')
  view.merge(apart)
  view.admit('bert2', 'carl')
  assert.deepEqual(view.names('anna', 'bert', 'bert2', 'carl'), {
    anna: 'anna.test',
    bert2: 'bert.test',
    carl: 'carl.test',
  })
  const bert = view.now.members.find(({ key }) => key === keyOf('bert2'))!
  assert.deepEqual(
    [bert.address, bert.before, bert.by, bert.admin],
    ['10.0.42.77', [keyOf('bert')], keyOf('anna'), true],
  )
  // twice at once: the same one for everybody; what is said of the old key goes for the new one
  const [one, other] = [view.fork(), view.fork()]
  one.rotate('bert2', 'bert3')
  other.rotate('bert2', 'bert4')
  one.merge(other)
  other.merge(one)
  assert.deepEqual(members(one), members(other))
  one.say('anna', { kind: 'assign', key: keyOf('bert2'), hostname: 'robert.test' })
  assert.deepEqual(members(one), ['anna.test', 'carl.test', 'robert.test'])
})

test('a rotation does not save a key from its revocation', () => {
  const view = founded('bert')
  const thief = view.fork()
  thief.rotate('bert', 'evil')
  view.revoke('anna', 'bert')
  view.merge(thief)
  assert.deepEqual(members(view), ['anna.test'])
})

test('two claim one name: the deeper gives way, and is called otherwise', () => {
  const view = founded('bert', 'carl')
  const [one, other] = [view.fork(), view.fork()]
  one.admit('anna', 'dora', { hostname: 'db.test', address: '10.0.42.9' })
  other.say('anna', { kind: 'assign', key: keyOf('carl'), hostname: 'Carl.test' })
  other.admit('anna', 'emil', { hostname: 'DB.test', address: '10.0.42.9' })
  one.merge(other)
  const { conflicts } = one.now
  assert.deepEqual(
    conflicts.map(({ what, kept, lost }) => [what, kept === keyOf('dora'), lost === keyOf('emil')]),
    [
      ['hostname', true, true],
      ['address', true, true],
    ],
  )
  assert.equal(one.names('dora').dora, 'db.test')
  assert.match(one.names('emil').emil!, /^DB-[0-9a-f]{6}\.test$/)
  other.merge(one)
  assert.deepEqual(other.now.members, one.now.members)
})

test('a name that an invite keeps free is its guest’s', () => {
  const view = founded('bert')
  const invite = view.invite('anna', { hostname: 'db.test' })
  view.admit('anna', 'early', { hostname: 'db.test' })
  view.guest('bert', 'late', invite, { hostname: 'other.test' })
  assert.equal(view.names('late').late, 'db.test')
})

test('each member has an address of the subnet, whatever was asked for', () => {
  const view = founded()
  view.admit('anna', 'bert', { address: '10.9.9.9' })
  view.admit('anna', 'carl', { address: '10.0.42.255' })
  view.admit('anna', 'dora', { address: '10.0.42.0' })
  const addresses = view.now.members.map(({ address }) => address!)
  assert.equal(new Set(addresses).size, 4)
  for (const address of addresses) assert.match(address, /^10\.0\.42\.([2-9]|\d\d|1\d\d|2[0-4]\d|25[0-4])$/)
  assert.equal(subnet.length, 24)
})

test('a membership that has an end ends by the clock, and by nothing else', () => {
  const view = founded()
  view.admit('anna', 'bert', { expires: 1_800_000_000_000 })
  view.admit('anna', 'carl', { expires: 1_800_000_001_000 })
  assert.deepEqual(members(view), ['anna.test', 'carl.test'])
  assert.deepEqual(
    view.now.expired.map(({ hostname }) => hostname),
    ['bert.test'],
  )
})

test('what comes after something unknown waits for it', () => {
  const view = founded('bert')
  const whole = view.fork()
  const invite = whole.invite('anna')
  whole.guest('bert', 'carl', invite)
  view.merge(whole)
  view.known.delete(invite)
  assert.deepEqual(members(view), ['anna.test', 'bert.test'])
  assert.equal(view.graph.waiting.length, 1)
  view.merge(whole)
  assert.deepEqual(members(view), ['anna.test', 'bert.test', 'carl.test'])
})
