// Two homes that cannot be punched, each behind a NAT that maps every destination to another port, and one router that gives out ports
// (miniupnpd): that port is the direct path. Asserted is that there is one; times are printed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, noLab } from '../lab/lab.ts'
import { ordinaryNets } from '../lab/nat/internet.ts'
import { noMiniupnpd, UpnpDaemon, type UpnpOptions } from '../lab/upnp.ts'
import { bin } from '../system/mesh.ts'
import { type Member, type Pair, Stage } from './pair.ts'
import type { PairSpec } from './pairs.ts'

type Endpoints = readonly { readonly kind: string; readonly endpoint: string }[]

const spec: PairSpec = { first: 'symmetric', second: 'symmetric', path: 'direct' }
const kinds: readonly (readonly [string, UpnpOptions])[] = [
  ['PCP, NAT-PMP and UPnP', {}],
  ['UPnP alone', { protocols: ['upnp'] }],
]

for (const which of [0, 1] as const) {
  for (const [name, options] of kinds) {
    const whose = which === 0 ? 'the first' : 'the second'
    test(`symmetric – symmetric, the router of ${whose} speaks ${name}: direct`, {
      skip: noLab || noMiniupnpd,
      timeout: 180_000,
    }, async t => {
      await using lab = await createLab()
      const stage = await Stage.build(lab, 2, ordinaryNets)
      let daemon: UpnpDaemon | undefined
      // called again when its other rules are loaded again: it runs on
      const onRouter = async (router: Host) => {
        daemon ??= await UpnpDaemon.start(router, options)
      }
      const pair = await stage.pair(spec, which === 0 ? [{ onRouter }] : [{}, { onRouter }])
      await pair.warm()
      const { ready, reply, settled, lost, way, endpoints } = await pair.connect()
      t.diagnostic(
        `ready ${ready} ms, reply ${reply} ms, ${way} after ${settled} ms, lost ${lost}, ${endpoints.join(' ')}`,
      )
      if (way !== 'direct' || lost > 5)
        assert.fail(`reply ${reply}, ${way}, lost ${lost}\n${await pair.evidence()}\n${daemon?.said}`)
      await assertMapped(pair, which)
      assert.equal((await daemon!.mappings()).length, 1)
    })
  }
}

/** The record that the other one has says the port, and the other one's WireGuard sends there. */
async function assertMapped({ members }: Pair, which: 0 | 1): Promise<void> {
  const [one, other] = [members[which], members[1 - which]!]
  const mapped = (await told(one, other)).filter(({ kind }) => kind === 'mapped')
  assert.equal(mapped.length, 1, JSON.stringify(mapped))
  const address = one.home.address
  assert.match(mapped[0]!.endpoint, new RegExp(`^${address.replaceAll('.', '\\.')}:\\d+$`))
  const sends = await other.host.ok(['wg', 'show', 'wh-test', 'endpoints'])
  assert.ok(sends.includes(`\t${mapped[0]!.endpoint}\n`), `${mapped[0]!.endpoint} is not in ${sends}`)
}

/** What the record of one says, as the other knows it. */
async function told(one: Member, other: Member): Promise<Endpoints> {
  const known = [bin, 'lookup', `${one.name}.test`, '--json']
  const read = (out: string): Endpoints => (out.startsWith('{') ? (JSON.parse(out).record?.endpoints ?? []) : [])
  const isMapped = (out: string) => read(out).some(({ kind }) => kind === 'mapped')
  // the path may be there before the record is
  const { out } = await other.host.until(known, ({ out }) => isMapped(out), { timeout: 30_000, every: 500 })
  return read(out)
}
