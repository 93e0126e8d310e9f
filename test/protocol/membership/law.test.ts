// The law: what a network's statements mean depends on which there are, and on nothing else. Many nodes, honest or not, in parts that do
// not see one another, say whatever comes to their mind; then all is put together in any order.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contains } from '../../../src/base/ip.ts'
import { Graph } from '../../../src/protocol/membership/graph.ts'
import { membershipOf } from '../../../src/protocol/membership/membership.ts'
import type { StatementId } from '../../../src/protocol/membership/statement.ts'
import { at, keyOf, subnet, View } from './story.ts'

const people = ['anna', 'otto', 'bert', 'carl', 'dora', 'emil', 'evil']
const act = fc.record({
  view: fc.nat(2),
  what: fc.constantFrom(
    'admit',
    'invite',
    'guest',
    'revoke',
    'rotate',
    'admin',
    'unadmin',
    'assign',
    'withdraw',
    'merge',
  ),
  author: fc.constantFrom(...people),
  about: fc.constantFrom(...people),
  pick: fc.nat(1_000),
  /** Says that it comes after something of his choice. */
  lies: fc.boolean(),
})
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

function play(acts: readonly Act[]): View[] {
  const views = [View.begin(['anna', 'otto'])]
  views[0]!.admit('anna', 'anna')
  views[0]!.admit('anna', 'bert')
  views.push(views[0]!.fork(), views[0]!.fork())
  for (const { view: index, what, author, about, pick, lies } of acts) {
    const view = views[index]!
    const { order } = view.graph
    const some = order[pick % order.length]!.id
    const after = lies ? [some] : undefined
    const invites = order.filter(({ statement }) => statement.kind === 'invite').map(({ id }) => id)
    const invite: StatementId = invites[pick % invites.length] ?? some
    const key = keyOf(about)
    const next = keyOf(`${about}${pick % 4}`)
    const hostname = `${people[pick % people.length]}.test`
    if (what === 'merge') view.merge(views[pick % 3]!)
    else if (what === 'admit') view.say(author, { kind: 'admit', key, hostname, address: `10.0.42.${pick % 9}` }, after)
    else if (what === 'invite')
      view.say(
        author,
        { kind: 'invite', inviteKey: new Uint8Array(32), uses: 1 + (pick % 2), admin: pick % 3 === 0 },
        after,
      )
    else if (what === 'guest')
      view.say(
        author,
        { kind: 'admit', key, hostname, invite: { id: invite, proof: new Uint8Array(64) } },
        after && [some, invite].filter((id, i, all) => all.indexOf(id) === i),
      )
    else if (what === 'revoke') view.say(author, { kind: 'revoke', key }, after)
    else if (what === 'rotate') view.say(author, { kind: 'rotate', key: next, proof: new Uint8Array(64) }, after)
    else if (what === 'assign') view.say(author, { kind: 'assign', key, hostname }, after)
    else if (what === 'withdraw') view.say(author, { kind: 'withdraw', invite }, after)
    else view.say(author, { kind: 'admin', key, admin: what === 'admin' }, after)
  }
  for (const view of views) for (const other of views) view.merge(other)
  return views
}

test('in any order, all come to the same; names, addresses and uses are given once; who is out is out', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), fc.infiniteStream(fc.nat()), (acts, chance) => {
      const [view, ...others] = play(acts) as [View, ...View[]]
      const meaning = view.now
      for (const other of others) assert.deepEqual(other.now, meaning)
      const numbers = chance[Symbol.iterator]()
      const shuffled = [...view.known.values()]
        .map(signed => ({ signed, at: numbers.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ signed }) => signed)
      assert.deepEqual(membershipOf(new Graph(view.network, shuffled), view.accepted, at), meaning)

      const { members, invitations, ended, admins } = meaning
      const unique = (values: readonly (string | undefined)[]) => {
        const some = values.filter(value => value !== undefined).map(value => value.toLowerCase())
        assert.equal(new Set(some).size, some.length, some.join())
      }
      unique(members.map(({ key }) => key))
      unique(members.map(({ hostname }) => hostname))
      unique(members.map(({ address }) => address))
      for (const { key, address } of members) {
        assert.ok(!ended.has(key))
        assert.ok(address && contains(subnet, address))
      }
      for (const key of admins) assert.ok(!ended.has(key))
      for (const { invite, guests } of invitations) assert.ok(guests.length <= (invite.admin ? 1 : invite.uses))
    }),
    { numRuns: 1_500 },
  )
})

test('a revocation by the most senior admin holds, whatever others say before, beside or after it', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 30 }), fc.array(act, { maxLength: 10 }), (before, after) => {
      const honest = (acts: readonly Act[]) => acts.filter(({ author, about }) => author !== 'anna' && about !== 'anna')
      const views = play(honest(before))
      const [view] = views as [View]
      view.revoke('anna', 'evil')
      // a thief of its key, and the rest, go on
      for (const { author, about, pick } of honest(after)) {
        const { order } = view.graph
        view.say(author, { kind: 'admit', key: keyOf(about), hostname: 'x.test' }, [order[pick % order.length]!.id])
        view.say('evil', { kind: 'rotate', key: keyOf(`evil${pick % 9}`), proof: new Uint8Array(64) }, [
          order[pick % order.length]!.id,
        ])
      }
      assert.ok(!view.now.members.some(({ key }) => key === keyOf('evil')))
      assert.ok(!view.now.admins.includes(keyOf('evil')))
    }),
    { numRuns: 500 },
  )
})
