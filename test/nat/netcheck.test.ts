// What `wh netcheck` says behind each kind of NAT, and `wh explain` of a pair: the real `wh`, real NATs, two public nodes to ask.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, noLab } from '../lab/lab.ts'
import type { Nat } from '../lab/nat/home.ts'
import { bin } from '../system/mesh.ts'
import { Stage } from './pair.ts'
import type { PairSpec } from './pairs.ts'

const strict = 'address-and-port-dependent'
/** Mapping, filtering, how ports are chosen, hairpin. The public nodes have one address: nobody can tell a full cone from a filter by address. */
const kinds: Partial<Record<Nat, readonly [string, string, string, boolean | null]>> = {
  public: ['none', 'none', 'preserving', null],
  'full-cone': ['endpoint-independent', 'address-dependent', 'preserving', false],
  'address-restricted': ['endpoint-independent', 'address-dependent', 'preserving', false],
  'port-restricted': ['endpoint-independent', strict, 'preserving', false],
  remapped: ['endpoint-independent', strict, 'constant', false],
  hairpin: ['endpoint-independent', 'address-dependent', 'preserving', true],
  double: ['endpoint-independent', strict, 'preserving', false],
  sequential: [strict, strict, 'regular', null],
  symmetric: [strict, strict, 'random', null],
}
const pairs: readonly (readonly [Nat, Nat, PairSpec['path'], RegExp])[] = [
  ['public', 'full-cone', 'direct', /^a\.test: (direct|resting)/],
  ['address-restricted', 'port-restricted', 'direct', /^a\.test: (direct|resting)/],
  ['remapped', 'hairpin', 'direct', /^a\.test: (direct|resting)/],
  // that ports are guessed right is left to chance
  ['double', 'sequential', 'direct', /^a\.test: (direct|resting|relayed)/],
  [
    'symmetric',
    'symmetric',
    'relayed',
    /^a\.test: relayed through .* because the routers of b\.test and of a\.test both map each destination/,
  ],
  [
    'port-restricted',
    'udp-blocked',
    'carried',
    /^a\.test: relayed through .*, by a WebSocket on TCP port 443 \(UDP does not get out here\)/,
  ],
]

test('netcheck and explain behind real NATs', { skip: noLab, timeout: 600_000 }, async t => {
  await using lab = await createLab()
  const stage = await Stage.build(lab)
  for (const [first, second, path, verdict] of pairs) {
    await t.test(`${first}, ${second}`, async () => {
      const pair = await stage.pair({ first, second, path })
      try {
        await pair.warm(10_000)
        for (const { host, home } of pair.members) {
          const [report] = JSON.parse(await host.ok([bin, 'netcheck', '--json']))
          const v4 = report.families.find(({ family }: { family: number }) => family === 4)
          const expected = kinds[home.nat]
          if (!expected) {
            assert.deepEqual([v4.udp, report.hairpins], ['blocked', null], home.nat)
            continue
          }
          const found = [v4.mapping, v4.filter.filtering, v4.step.kind, report.hairpins]
          assert.deepEqual([v4.udp, ...found, v4.mtu], ['works', ...expected, 1400], home.nat)
        }
        const explained = await pair.members[1].host.run([bin, 'explain', 'a.test'])
        assert.match(explained.out, verdict)
        assert.equal(explained.code, 0)
      } finally {
        await pair.end()
      }
    })
  }
})
