// File and statements as one network, and that network as a file again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { confOf } from '../../../src/protocol/membership/conf.ts'
import { effective } from '../../../src/protocol/membership/effective.ts'
import { members } from '../../../src/protocol/network/members.ts'
import { parseNetworkFile } from '../../../src/protocol/network/parse.ts'
import type { Network, NodeEntry } from '../../../src/protocol/network/types.ts'
import { keyOf, subnet, View } from './story.ts'

const called = (key: string) => key.slice(0, 6)
const file = (...nodes: NodeEntry[]): Network => ({
  ...{ name: 'test', namespace: 'public', workbit: 0, subnet },
  nodes: [{ role: 'admin', key: keyOf('anna') }, ...nodes],
})
const lived = (view: View, ...nodes: NodeEntry[]) => effective(file(...nodes), view.now, called)
const names = (network: Network) => members(network).map(({ hostname }) => hostname)

function founded(): View {
  const view = View.begin(['anna'])
  for (const name of ['anna', 'bert', 'carl']) view.admit('anna', name)
  return view
}

test('whom the statements admit is a member beside those of the file', () => {
  const view = founded()
  const { network, warnings } = lived(view, { role: 'trust', key: keyOf('dora'), hostname: 'dora.test' })
  assert.deepEqual(names(network).sort(), ['anna.test', 'bert.test', 'carl.test', 'dora.test'])
  assert.deepEqual(warnings, [])
  const addresses = members(network).map(({ ipv4 }) => ipv4)
  assert.equal(new Set(addresses).size, 4)
})

test('the file’s own word stands: a revoked member that it trusts, a name and an address that it gives', () => {
  const view = founded()
  view.say('anna', { kind: 'assign', key: keyOf('carl'), address: '10.0.42.77' })
  view.revoke('anna', 'bert')
  const { network, warnings } = lived(
    view,
    { role: 'trust', key: keyOf('bert'), hostname: 'bert.test', address: '10.0.42.77' },
    { role: 'trust', key: keyOf('dora'), hostname: 'carl.test' },
  )
  assert.deepEqual(names(network).sort(), ['anna.test', 'bert.test', 'carl.test', undefined])
  assert.equal(members(network).find(({ key }) => key === keyOf('bert'))?.ipv4, '10.0.42.77')
  assert.match(warnings.join('\n'), /bert\.test is revoked, and stays a member here because the file trusts it/)
  assert.match(warnings.join('\n'), /has no hostname here: carl\.test is .*'s by the file/)
  assert.match(warnings.join('\n'), /has no IPv4 address of its own here: 10\.0\.42\.77/)
})

test('a boot line follows its node to another key, and goes when that is revoked', () => {
  const view = founded()
  const boot: NodeEntry = { role: 'boot', key: keyOf('bert'), endpoint: { host: '192.0.2.1', port: 1 } }
  const keys = () => lived(view, boot).network.nodes.flatMap(({ role, key }) => (role === 'boot' ? [key] : []))
  assert.deepEqual(keys(), [keyOf('bert')])
  view.rotate('bert', 'bert2')
  assert.deepEqual(keys(), [keyOf('bert2')])
  view.revoke('anna', 'bert2')
  assert.deepEqual(keys(), [])
})

test('as a file it is right, says who admitted whom, and means the same to who knows the statements', () => {
  const view = founded()
  view.rotate('anna', 'anna2')
  view.admit('anna2', 'dora')
  const { network } = lived(view)
  const conf = confOf(network, view.now)
  assert.match(conf, /^name test\n/)
  assert.match(conf, new RegExp(`admin +${keyOf('anna')} +# has the key ${keyOf('anna2')} now`))
  assert.match(conf, /trust dora\.test +10\.0\.42\.\d+ +\S+ +# by anna\.test, 2027-01-15 08:00 UTC/)
  const read = parseNetworkFile(conf, 'test.conf')
  assert.deepEqual(read.problems, [])
  const again = effective(read.network!, view.now, called)
  const plain = ({ network }: { network: Network }) =>
    members(network)
      .map(({ key, hostname, ipv4 }) => `${key} ${hostname} ${ipv4}`)
      .sort()
  assert.deepEqual(plain(again), plain({ network }))
  assert.equal(confOf(network, view.fork().now), conf)
})
