// Which pairs of homes reach each other, with the real `wh` and real NATs: `npm run test:nat`. Asserted is that they do, in the
// end directly where that is possible, and that what was relayed before loses next to nothing; times are printed, and measured by
// `npm run bench nat`.
//   ONLY=symmetric    pairs whose name holds the text     RUNS=5    runs of each pair     EVIDENCE=DIR    where to write what failed

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { createLab, noLab } from '../lab/lab.ts'
import { bin } from '../system/mesh.ts'
import { type Connection, type Pair, Stage } from './pair.ts'
import { nameOf, type PairSpec, pairsNamed } from './pairs.ts'

const runs = Number(process.env.RUNS ?? 1)
const chosen = pairsNamed(process.env.ONLY)

for (const boots of [2, 1] as const) {
  const some = chosen.filter(pair => (pair.boots ?? 2) === boots)
  const skip = noLab || (some.length === 0 && 'no pair is called so')
  test(`pairs of homes, with ${boots} boot nodes`, { skip, timeout: 3_600_000 }, async t => {
    await using lab = await createLab()
    const stage = await Stage.build(lab, boots)
    for (const spec of some) {
      await t.test(`${nameOf(spec)}: ${spec.path}`, async t => {
        const pair = await stage.pair(spec)
        await pair.warm()
        try {
          for (let run = 0; run < runs; run++) await once(pair, line => t.diagnostic(line))
        } finally {
          await pair.end()
        }
      })
    }
  })
}

async function once(pair: Pair, say: (line: string) => void): Promise<void> {
  const { spec } = pair
  const patience = spec.path === 'none' ? 8_000 : 30_000
  const connect = async () => {
    const found = await pair.connect({ patience })
    const { ready, reply, first, settled, way, lost, sent, endpoints } = found
    say(
      `${nameOf(spec)}: ready ${ready} ms, reply ${reply} ms (${first}), ${way} after ${settled} ms, lost ${lost} of ${sent}, ${endpoints.join(' ')}`,
    )
    return found
  }
  let found = await connect()
  if (spec.chance && found.settled === null) found = await connect()
  if (good(found, spec.path)) {
    if (spec.path !== 'direct') await explains(pair)
    return
  }
  const evidence = await pair.evidence()
  const folder = process.env.EVIDENCE
  if (folder) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}/${nameOf(spec).replaceAll(/\W+/g, '-')}.txt`, evidence)
  }
  assert.fail(`${nameOf(spec)}: ${JSON.stringify(found)}${folder ? '' : `\n${evidence}`}`)
}

function good({ reply, way, settled, lost }: Connection, path: PairSpec['path']): boolean {
  if (path === 'none') return reply === null
  // a session that a late probe starts is no reason to fail, and a few lost pings are the machine's
  return reply !== null && settled !== null && way === path && lost <= 5
}

/** Where no path can be, or no direct one, the one who asks is told so, and why. */
async function explains({ members: [first, second], spec }: Pair): Promise<void> {
  const { code, out, err } = await second.host.run([bin, 'explain', `${first.name}.test`])
  assert.ok(out.length > 0, `wh explain: exit ${code}: ${err}`)
  const nats = [first.home.nat, second.home.nat]
  if (spec.path !== 'none') {
    assert.equal(code, 0)
    assert.match(out, /^a\.test: relayed through /)
  }
  if (spec.path === 'carried') assert.match(out, /UDP/)
  else if (!nats.includes('port-restricted-open-input')) assert.match(out, /each destination|another port|hard/)
}
