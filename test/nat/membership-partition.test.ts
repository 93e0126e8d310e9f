// A network in two parts, each of which goes on admitting and revoking; when they meet again, all come to the same, byte for byte.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import { found, invite, machines } from '../system/members.ts'
import { bin, ping, wh, whOk } from '../system/mesh.ts'

const options = { skip: noLab, timeout: 600_000 }
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const

test(
  'admitted, renamed and revoked in both parts of a network: one and the same when it is whole again',
  options,
  async t => {
    await using lab = await createLab()
    const address = (name: string) => `192.0.2.${1 + names.indexOf(name as 'a')}`
    const made = await machines(lab, names)
    const hosts = Object.fromEntries(names.map((name, i) => [name, made[i]!])) as Record<(typeof names)[number], Host>
    const { a, b, c, d, e, f, g } = hosts
    const between = async (verb: 'add' | 'del', left: string, right: string) => {
      const cut = (from: string, to: string) =>
        hosts[from as 'a'].run(['ip', 'route', verb, 'blackhole', `${address(to)}/32`])
      for (const one of left) for (const other of right) await Promise.all([cut(one, other), cut(other, one)])
    }

    await found(a)
    const many = await invite(a, 'uses', '5')
    for (const host of [b, c, d]) await whOk(host, 'join', many)
    await ping(c, 'b.home')
    await whOk(a, 'admin', 'c.home')
    await c.until([bin, 'members', '--json'], ({ out }) => JSON.parse(out).admins.length === 2, { timeout: 20_000 })
    await d.until([bin, 'members', '--json'], ({ out }) => JSON.parse(out).admins.length === 2, { timeout: 20_000 })
    const single = await invite(a)
    const expired = await invite(a, 'expires', '1m')
    await c.until([bin, 'members', '--json'], ({ out }) => JSON.parse(out).invites.length === 3, { timeout: 20_000 })

    await between('add', 'abf', 'cdeg')
    // one token, two guests; one name, two owners; a revocation in each part
    const racing = await Promise.all([wh(f, 'join', single, 'db.home'), wh(e, 'join', await invite(c), 'db.home')])
    assert.deepEqual(
      racing.map(({ code }) => code),
      [0, 0],
      racing.map(({ err }) => err).join(),
    )
    // the token of one use once more, in the other part, where nobody knows that it is used
    await whOk(g, 'join', single, 'g.home')
    await whOk(a, 'revoke', 'd.home')
    await whOk(c, 'rename', 'c.home', 'carl.home')
    await between('del', 'abf', 'cdeg')

    const began = performance.now()
    const isSettled = (out: string) => {
      const all = out.split('\n').filter(line => line.startsWith('trust '))
      return all.length === 5 && out.includes('carl.home') && !/ d\.home /.test(out)
    }
    for (const host of [a, b, c, e])
      await host.until([bin, 'members', 'conf'], ({ out }) => isSettled(out), { timeout: 90_000, every: 500 })
    t.diagnostic(`one again after ${Math.round((performance.now() - began) / 1000)} s`)
    // of the two guests of one use, the same one everywhere; the other one's node goes
    const wins = JSON.parse(await whOk(a, 'members', '--json')).members.some(
      ({ hostname }: { hostname: string }) => hostname === 'g.home',
    )
    const [winner, loser] = wins ? [g, f] : [f, g]
    await loser.until(['wg', 'show', 'interfaces'], ({ out }) => !out.includes('wh-home'), { timeout: 90_000 })
    await winner.until([bin, 'members', 'conf'], ({ out }) => isSettled(out), { timeout: 90_000, every: 500 })
    const members = [a, b, c, e, winner]
    const files = await Promise.all(members.map(host => whOk(host, 'members', 'conf')))
    for (const file of files) assert.equal(file, files[0])
    assert.match(files[0]!, /trust db\.home +10\.7\.0\.\d+/)
    assert.match(files[0]!, /trust db-[0-9a-f]{6}\.home/)
    await ping(e, 'a.home')
    await ping(f, 'carl.home')
    // the revoked one is down, and the token whose minute is over is refused
    await d.until(['wg', 'show', 'interfaces'], ({ out }) => !out.includes('wh-home'), { timeout: 60_000 })
    await a.until([bin, 'members', '--json'], ({ out }) => {
      return JSON.parse(out).invites.every((it: { expires?: number }) => (it.expires ?? 0) > 0)
    })
    const end = JSON.parse(await whOk(a, 'members', '--json')).invites.find(
      (it: { uses: number; used: number; expires: number }) => it.used === 0,
    )
    if (end.expires > Date.now()) await new Promise(done => setTimeout(done, end.expires - Date.now() + 1_000))
    const late = await wh(d, 'join', expired, 'folder', '/tmp/again')
    assert.equal(late.code, 1)
    assert.match(late.err, /the invite expired at/)
    assert.equal((await d.run(['ls', '/tmp/again'])).out, '')
  },
)
