import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { overlayIPv6 } from '../../../src/protocol/identity/address.ts'
import { toWgForm } from '../../../src/protocol/identity/key.ts'
import { findMember, members } from '../../../src/protocol/network/members.ts'
import { parseNetworkFile } from '../../../src/protocol/network/parse.ts'
import { keys, wirehub } from './samples.ts'

function addresses(...lines: string[]): (string | undefined)[] {
  const { network } = parseNetworkFile(['name n', 'workbit 0', ...lines].join('\n'), 'net.conf')
  return members(network!).map(({ ipv4 }) => ipv4)
}

test("the announcement's example means what the announcement says", () => {
  const text = readFileSync(new URL('../../../config/examples/announcement.conf', import.meta.url), 'utf8')
  const { network, problems } = parseNetworkFile(text, 'announcement.conf')
  assert.deepEqual(problems, [])
  assert.deepEqual(network, {
    name: 'test',
    namespace: 'public',
    workbit: 8,
    subnet: { address: '10.0.42.0', length: 24, family: 4 },
    nodes: [
      { role: 'boot', key: wirehub.boot, endpoint: { host: 'bootstrap.wirehub.io', port: 62096 } },
      { role: 'trust', key: wirehub.a, hostname: 'a.test' },
      { role: 'trust', key: wirehub.b, hostname: 'b.test', endpoint: { host: '12.34.56.78', port: 62096 } },
      { role: 'trust', key: wirehub.c, hostname: 'c.test', address: '10.0.42.254' },
    ],
  })
  assert.deepEqual(
    members(network!).map(({ hostname, ipv4 }) => [hostname, ipv4]),
    [
      ['a.test', '10.0.42.2'],
      ['b.test', '10.0.42.3'],
      ['c.test', '10.0.42.254'],
    ],
  )
})

test('fixed addresses go first, the others get the lowest free one from 2 in file order', () => {
  assert.deepEqual(
    addresses(
      `trust ${keys[0]}`,
      `router ${keys[1]}`,
      `boot ${keys[2]} x`,
      `trust 10.0.0.3 ${keys[3]}`,
      `alias ${keys[4]}`,
      `trust 10.0.0.1 ${keys[5]}`,
      // where the subnet stands does not matter
      'subnet 10.0.0.5/29',
      `trust ${keys[6]}`,
    ),
    ['10.0.0.2', '10.0.0.4', '10.0.0.3', '10.0.0.5', '10.0.0.1', '10.0.0.6'],
  )
})

test('addresses go on behind the last byte', () => {
  const text = ['subnet 10.255.255.0/23', ...keys.slice(0, 3).map((key, i) => `trust 10.255.254.${i + 2} ${key}`)]
  assert.deepEqual(addresses(...text, `trust 10.255.255.0 ${keys[3]}`, `trust ${keys[4]}`).slice(3), [
    '10.255.255.0',
    '10.255.254.5',
  ])
})

test('a network without a subnet has IPv6 addresses only', () => {
  const { network } = parseNetworkFile(`name n\nworkbit 0\ntrust ${keys[0]}\n`, 'net.conf')
  assert.deepEqual(members(network!), [{ role: 'trust', key: keys[0], ipv6: overlayIPv6(keys[0]!, 'n') }])
})

test('a member that is also boot has the endpoint of either line, its own first', () => {
  const text = `name n\nboot ${keys[0]} far:1\ntrust ${keys[0]}\nboot ${keys[1]} far:1\ntrust ${keys[1]} near:2\n`
  const { network } = parseNetworkFile(text, 'net.conf')
  assert.deepEqual(
    members(network!).map(({ endpoint }) => endpoint),
    [
      { host: 'far', port: 1 },
      { host: 'near', port: 2 },
    ],
  )
})

test('a member is found by hostname in any case, by either form of its key, and by its addresses', () => {
  const { network } = parseNetworkFile(
    `name n\nsubnet 10.0.0.0/24\ntrust ${keys[1]}\ntrust A.test ${keys[0]}\n`,
    'net.conf',
  )
  const all = members(network!)
  for (const text of ['a.TEST', keys[0]!, toWgForm(keys[0]!), '10.0.0.3', all[1]!.ipv6, all[1]!.ipv6.toUpperCase()]) {
    assert.equal(findMember(all, text), all[1], text)
  }
  assert.equal(findMember(all, 'b.test'), undefined)
})
