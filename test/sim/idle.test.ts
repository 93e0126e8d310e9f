// What real nodes send when nobody uses them: counted on the simulated internet.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minute, second } from '../../src/base/time.ts'
import { drawWorld } from '../../src/sim/draw.ts'
import { trialOptions } from '../../src/sim/round.ts'
import { Trial } from '../../src/sim/trial.ts'
import type { HostSpec, RouterSpec, World } from '../../src/sim/world.ts'

const link = { delay: 20, jitter: 0, loss: 0 }
const apd = 'address-and-port-dependent'

/** Two homes whose routers make every direct path impossible; nobody ever pings. */
function strangers(): World {
  const { boots } = drawWorld(1, { members: 2, within: 20 * second, trouble: false })
  const routers = [1, 2].map(
    (number): RouterSpec => ({
      ...{ name: `r${number}`, at: 'internet', outside: `198.18.${number}.7`, inside: `192.168.${number}`, link },
      nat: {
        ...{ mapping: apd, filtering: apd, allocation: { kind: 'random' }, lifetime: minute },
        ...{ hairpin: false, maxMappings: 65_536 },
      },
      ...{ firewall6: true, blocked: false },
    }),
  )
  const hosts = [1, 2].map(
    (number): HostSpec => ({
      ...{ name: `m${number}`, at: `r${number}`, ipv4: `192.168.${number}.10`, port: 20_000 + number, link },
      ...{ closed: true, tap: false, branches: true, clockAhead: 0 },
    }),
  )
  const happenings = hosts.map(({ name }) => ({ at: second, kind: 'start' as const, host: name }))
  return { seed: 1, boots, routers, hosts, happenings, until: 10 * minute }
}

test('two that cannot reach one another, and that nobody uses: they do not wake each other', async () => {
  const sent: number[] = []
  const trial = new Trial(strangers(), {
    turn: trialOptions.turn,
    watch: ({ at, where, what }) => {
      if (what === 'sent' && where.startsWith('m')) sent.push(at)
    },
  })
  await trial.run()
  const later = sent.filter(at => at > 2 * minute).length / 8
  // each keeps three homes, and says now and then where it is
  assert.ok(later > 0 && later < 40, `${later} packets a minute`)
})
