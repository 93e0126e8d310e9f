// A member that is restarted while somebody sends to it. WireGuard alone would trust its old session for 15 s.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, noLab } from '../lab/lab.ts'
import { createNet, pings, up } from './discovery-net.ts'
import { file, whOk } from './mesh.ts'

/** Pings come each 50 ms. */
const interval = 0.05
/** Between what it takes (half a second) and the 15 s of WireGuard alone. */
const most = 6

test('who has no session any more begins one as soon as the other side sends', {
  skip: noLab,
  timeout: 120_000,
}, async t => {
  await using lab = await createLab()
  const { boots, members } = await createNet(lab, { members: ['a', 'b'] })
  await up([...boots, ...members])
  const [a, b] = members as [(typeof members)[0], (typeof members)[0]]
  await pings(a.host, `${b.name}.test`)
  const ping = a.host.spawn(['ping', '-n', '-D', '-i', String(interval), `${b.name}.test`])
  await ping.says(/icmp_seq=20 /)
  await whOk(b.host, 'down')
  await whOk(b.host, 'up', file)
  const returned = Date.now() / 1000
  const times = () => [...ping.out.matchAll(/\[(\d+\.\d+)\] \d+ bytes from/g)].map(match => Number(match[1]))
  while (times().at(-1)! < returned) await sleep(20)
  ping.kill('SIGINT')
  const took = times().find(time => time >= returned)! - returned
  t.diagnostic(`${took.toFixed(2)} s after wh up has returned`)
  assert.ok(took < most, `${took} s`)
})
