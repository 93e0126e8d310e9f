// Joining from behind real NATs: the first admin on a public server, and guests at home.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import { createInternet } from '../lab/nat/internet.ts'
import { found, invite } from '../system/members.ts'
import { bin, ping, wh, whOk } from '../system/mesh.ts'

test('guests behind NATs join, reach each other, and know all', { skip: noLab, timeout: 600_000 }, async t => {
  await using lab = await createLab()
  const internet = await createInternet(lab)
  const { host: server, address } = await internet.server('s')
  await found(server, address, 's.home')
  const token = await invite(server, 'uses', '9')
  const guests: Host[] = []
  for (const [name, nat] of [
    ['a', 'port-restricted'],
    ['b', 'symmetric'],
    ['c', 'udp-blocked'],
  ] as const) {
    const [host] = (await internet.home(name, { nat, firewall: 'closed' })).hosts
    const began = performance.now()
    const { code, err, out } = await wh(host, 'join', token, `${name}.home`)
    assert.equal(code, 0, `${name}, ${nat}: ${out}${err}`)
    await ping(host, 's.home')
    t.diagnostic(`${nat}: joined, and pinged, after ${Math.round(performance.now() - began)} ms`)
    guests.push(host)
  }
  const all = ({ out }: { out: string }) => out.split('\n').filter(line => line.startsWith('trust ')).length === 4
  for (const host of [server, ...guests]) await host.until([bin, 'members', 'conf'], all, { timeout: 60_000 })
  const files = await Promise.all([server, ...guests].map(host => whOk(host, 'members', 'conf')))
  for (const file of files) assert.equal(file, files[0])
  const [a, b, c] = guests as [Host, Host, Host]
  await ping(a, 'b.home')
  await ping(b, 'c.home')
  const began = performance.now()
  await whOk(server, 'revoke', 'b.home')
  for (const host of [a, c])
    await host.until(['wg', 'show', 'wh-home', 'peers'], ({ out }) => out.trim().split('\n').length === 2, {
      timeout: 30_000,
    })
  t.diagnostic(`revoked everywhere after ${Math.round(performance.now() - began)} ms`)
})
