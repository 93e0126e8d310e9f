// Real nodes on the simulated internet, against the oracle: what `wh sim` does, for a few fixed seeds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureLine } from '../../src/cli/print/sim.ts'
import { systemThreads } from '../../src/os/threads.ts'
import { type CampaignOptions, campaign, type Report, replay } from '../../src/sim/campaign.ts'
import { drawWorld } from '../../src/sim/draw.ts'
import { worldText } from '../../src/sim/world.ts'

const options: CampaignOptions = {
  ...{ seed: 1, pairs: 120, members: 4, within: 20_000, trouble: false },
}

const said = ({ failures }: Report) => failures.map(failureLine).join('\n')

test('pairs of all kinds become direct, or cannot', async () => {
  const report = await campaign(options)
  assert.ok(report.ok, said(report))
  const means = new Set(report.groups.map(group => group.means))
  for (const kind of ['inside', 'open', 'punch', 'birthday', 'none'] as const) assert.ok(means.has(kind), kind)
})

test('they go on after roaming, restarts, sleep and cuts', async () => {
  const report = await campaign({ ...options, seed: 1_000, pairs: 60, trouble: true })
  assert.ok(report.ok, said(report))
  assert.ok(new Set(report.groups.map(group => group.phase)).size > 3)
})

test('with relays every pair is connected that has UDP, also after trouble, and direct where it can be', async () => {
  const report = await campaign({ ...options, seed: 7_000, pairs: 60, trouble: true, relays: true })
  assert.ok(report.ok, said(report))
  const none = report.groups.filter(({ means }) => means === 'none')
  assert.ok(
    none.some(({ direct }) => direct > 0),
    'pairs that have no other way',
  )
})

test('a tenth of all packets lost', async () => {
  const report = await campaign({ ...options, seed: 2_000, pairs: 24, loss: 0.1, within: 40_000 })
  assert.ok(report.ok, said(report))
})

test('three tenths of all packets lost: handshakes too, and WireGuard alone would try again after 5 s', async () => {
  const report = await campaign({ ...options, seed: 1_409, pairs: 12, loss: 0.3 })
  assert.ok(report.ok, said(report))
})

test('in threads the same comes out, whichever is first', async () => {
  const few = { ...options, seed: 40, pairs: 20 }
  assert.deepEqual(await campaign(few, systemThreads), await campaign(few))
})

test('what is broken off says what was found until then', async () => {
  const stop = new AbortController()
  const report = await campaign(
    { ...options, pairs: 10_000, signal: stop.signal, progress: () => stop.abort() },
    systemThreads,
  )
  assert.equal(report.worlds, 1)
})

test('the same seed gives the same run, to the packet', async () => {
  const world = drawWorld(3, options)
  assert.equal(worldText(world), worldText(drawWorld(3, options)))
  const { from, to } = world.happenings.find(it => it.kind === 'ping')!
  const failed = { seed: 3, phase: 'start', from, to, means: 'punch', time: null, failure: '' } as const
  const [first, second] = [await replay(failed, options), await replay(failed, options)]
  assert.match(first.mermaid, /^sequenceDiagram\n {2}participant /)
  assert.match(first.mermaid, /PING .* to /)
  assert.equal(first.mermaid, second.mermaid)
  assert.notEqual(worldText(world), worldText(drawWorld(4, options)))
})
