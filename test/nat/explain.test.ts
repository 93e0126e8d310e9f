// What `wh explain` says when a member goes off that was direct a moment ago, and when our own network dies.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import type { Nat } from '../lab/nat/home.ts'
import { bin, file, whOk } from '../system/mesh.ts'
import { Stage } from './pair.ts'

const nats: Nat[] = ['public', 'public', 'port-restricted', 'port-restricted', 'symmetric']
/** Who went off, and who asks. */
const gone = [
  [0, 1],
  [0, 3],
  [2, 3],
  [4, 1],
  [4, 3],
] as const

test('a member that went off, and a network that died, are said to be so', {
  skip: noLab,
  timeout: 600_000,
}, async t => {
  await using lab = await createLab()
  const stage = await Stage.build(lab)
  const members = await stage.members(nats)
  const explain = async (host: Host, name: string) => {
    const { code, out, err } = await host.run([bin, 'explain', name])
    t.diagnostic(`exit ${code}: ${out}${err}`)
    return { code, out, verdict: out.split('\n')[0]! }
  }
  for (const { host } of members) await whOk(host, 'up', file)
  for (const [there, here] of gone) {
    const ping = ['ping', '-n', '-c1', '-W1', members[there]!.overlay]
    await members[here]!.host.until(ping, ({ code }) => code === 0, { timeout: 60_000 })
  }

  const shorter = await members[1]!.host.run([bin, 'explain', 'c'])
  assert.match(shorter.err, /c is no member of test, and no public key; did you mean c\.test\?/)

  // somebody goes on asking for them
  const pings = gone.map(([there, here]) =>
    members[here]!.host.run(['ping', '-n', '-q', '-i', '1', '-w', '78', members[there]!.overlay], { timeout: 100_000 }),
  )
  await sleep(3_000)
  for (const off of new Set(gone.map(([there]) => there))) await whOk(members[off]!.host, 'down')
  const downAt = performance.now()
  for (const after of [2, 30, 70]) {
    await sleep(downAt + after * 1_000 - performance.now())
    await Promise.all(
      gone.map(async ([there, here]) => {
        const { code, out, verdict } = await explain(members[here]!.host, `${members[there]!.name}.test`)
        assert.equal(code, 1)
        assert.match(verdict, /stopped answering|last answered/)
        assert.doesNotMatch(out, /is up[;,]|one way only|firewall|port mapping|UDP is blocked/)
        if (after > 2) assert.match(verdict, /nothing of it has come since/)
      }),
    )
  }
  await Promise.all(pings)

  const [, , , behind] = members
  const path = await explain(behind!.host, 'b.test')
  assert.equal(path.code, 0)
  await behind!.home.routers[0]!.ok(['sh', '-c', 'echo 0 >/proc/sys/net/ipv4/ip_forward'])
  for (const after of [0, 10_000]) {
    await sleep(after)
    // of one that is up, and of one that was off before
    for (const name of ['b.test', 'c.test']) {
      const { code, out, verdict } = await explain(behind!.host, name)
      assert.equal(code, 1)
      assert.match(verdict, /no path: nothing that d\.test sends (by UDP )?is answered by anybody/)
      assert.doesNotMatch(out, /is up[;,]|one way only/)
    }
  }
})
