// Membership, with the real `wh` and real tunnels: a network is begun, others join by tokens, and somebody is thrown out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import { agree, found, invite, machines, net, three } from './members.ts'
import { assertClean, bin, ping, wh, whOk } from './mesh.ts'

const options = { skip: noLab, timeout: 600_000 }

test('init, invite, join: a tunnel to everybody, also to who joined before and after', options, async t => {
  await using lab = await createLab()
  const hosts = await machines(lab, ['a', 'b', 'c', 'd'])
  const [a, b, c, d] = hosts as [Host, Host, Host, Host]
  await found(a)
  const token = await invite(a, 'uses', '2')
  const began = performance.now()
  const said = await whOk(b, 'join', token, 'b.home')
  await ping(b, 'a.home')
  t.diagnostic(`joined, and pinged, after ${Math.round(performance.now() - began)} ms`)
  assert.match(said, /ping a\.home/)
  await ping(a, 'b.home')
  await whOk(c, 'join', token, 'c.home')
  const joined = performance.now()
  await agree([a, b, c], 3)
  t.diagnostic(`all know of all ${Math.round(performance.now() - joined)} ms later`)
  await ping(c, 'b.home')

  // used up
  const third = await wh(d, 'join', token, 'd.home')
  assert.equal(third.code, 1)
  assert.match(third.err, /the invite is used up/)
  await assertClean(d)
  assert.equal((await d.run(['ls', '/etc/wirehub', '/var/lib/wirehub'])).out, '')

  // any member admits: the inviter is off
  const other = await invite(a)
  await whOk(a, 'down')
  await whOk(d, 'join', other)
  await ping(d, 'b.home')
  await agree([b, c, d], 4)
  await whOk(a, 'up', net)
  await agree([a, b, c, d], 4)
  await ping(a, 'd.home')
  for (const host of hosts) await whOk(host, 'down')
  for (const host of hosts) await assertClean(host)
})

test('revoked: out everywhere at once, for good, and told so', options, async t => {
  await using lab = await createLab()
  const [a, b, c] = await three(lab)
  assert.equal((await wh(b, 'revoke', 'c.home')).code, 1, 'b is no admin')
  const began = performance.now()
  await whOk(a, 'revoke', 'c.home')
  await b.until(['wg', 'show', 'wh-home', 'peers'], ({ out }) => out.trim().split('\n').length === 1, {
    timeout: 10_000,
  })
  t.diagnostic(`b has dropped it after ${Math.round(performance.now() - began)} ms`)
  await b.until(['getent', 'hosts', 'c.home'], ({ code }) => code !== 0, { timeout: 10_000 })
  await agree([a, b], 2)
  // c hears it too, and goes
  await c.until(['wg', 'show', 'interfaces'], ({ out }) => !out.includes('wh-home'), { timeout: 20_000 })
  const again = await wh(c, 'up', net)
  assert.equal(again.code, 1)
  assert.match(again.err, /belongs to home no more/)
  assert.match(await whOk(a, 'log'), /a\.home revoked c\.home/)
})

test('another key under running pings: the same name and address, and the old key is over', options, async t => {
  await using lab = await createLab()
  const [a, b, c] = await three(lab)
  const address = (await whOk(c, 'resolve', 'c.home', '--json')).match(/10\.7\.0\.\d+/)![0]
  const pings = b.spawn(['ping', '-D', '-i', '0.05', address])
  await b.until(['ping', '-c', '1', '-w', '2', address], ({ code }) => code === 0)
  const before = JSON.parse(await whOk(c, 'show', '--json'))[0].key
  const { key } = JSON.parse(await whOk(c, 'rotate', '--json'))
  assert.notEqual(key, before)
  await b.ok(['ping', '-c', '20', '-i', '0.05', '-w', '20', address])
  pings.kill('SIGINT')
  const { out } = await pings.ended
  const times = [...out.matchAll(/^\[(\d+\.\d+)\] \d+ bytes/gm)].map(([, at]) => Number(at) * 1000)
  const gap = Math.max(...times.slice(1).map((at, i) => at - times[i]!))
  t.diagnostic(`${Math.round(gap)} ms without an answer`)
  // WireGuard makes another handshake after 5 s: the first one was not lost
  assert.ok(gap < 4_500, `${gap} ms`)
  await agree([a, b, c], 3)
  assert.equal(JSON.parse(await whOk(c, 'show', '--json'))[0].key, key)
  const members = JSON.parse(await whOk(a, 'members', '--json')).members
  assert.deepEqual(
    members.find(({ hostname }: { hostname: string }) => hostname === 'c.home'),
    { ...members.find(({ hostname }: { hostname: string }) => hostname === 'c.home'), key, ipv4: address },
  )
  // the old key does not come back
  await c.ok(['cp', '/etc/wirehub/home.key.old', '/etc/wirehub/old.key'])
  await whOk(c, 'down')
  const again = await wh(c, 'up', net, 'private-key', '/etc/wirehub/old.key')
  assert.match(again.err, /belongs to home no more/)
  await whOk(c, 'up', net)
  await ping(b, 'c.home')
  await whOk(c, 'down')
  await assertClean(c)
})

test(
  'a key that is admitted without a token: the node that waits for it comes up as a member; leaving, and an end',
  options,
  async () => {
    await using lab = await createLab()
    const hosts = await machines(lab, ['a', 'b'])
    const [a, b] = hosts as [Host, Host]
    await found(a)
    // the file of a, and a key of its own
    await b.ok(['mkdir', '-p', '/etc/wirehub'])
    await b.writeFile(net, await a.ok(['cat', net]))
    await b.writeFile('/etc/wirehub/home.key', await b.ok([bin, 'genkey', 'workbit', '8']), { mode: 0o600 })
    const key = (await b.ok(['sh', '-c', `${bin} pubkey < /etc/wirehub/home.key`])).trim()
    assert.match(await whOk(b, 'up', net), /is up as a helper/)
    assert.match(await whOk(a, 'admit', key, 'b.home', 'expires', '9d'), /a\.home admitted b\.home/)
    await b.until(['wg', 'show', 'interfaces'], ({ out }) => out.includes('wh-home'), { timeout: 60_000 })
    await b.until(['ping', '-c', '1', '-w', '2', 'a.home'], ({ code }) => code === 0, { timeout: 30_000 })
    assert.match(await whOk(a, 'show'), /the membership of b\.home ends/)
    await whOk(a, 'extend', 'b.home', 'never')
    assert.doesNotMatch(await whOk(a, 'show'), /the membership of/)
    assert.match(await whOk(b, 'leave'), /b\.home left/)
    await assertClean(b)
    await a.until([bin, 'members', '--json'], ({ out }) => JSON.parse(out).members.length === 1, { timeout: 20_000 })
  },
)
