/**
 * From the start of the second node to the first reply of the first, relayed or not, and for `wh` to the direct path: between homes behind
 * every kind of NAT, with real `wh` and wireguard-go: warm, host firewalls closed. Then nebula and hyperdht, on the same hosts. The pairs
 * are those of `npm run test:nat`. RUNS=20 and ONLY=TEXT choose; ALONE=1 leaves the others out.
 */

import { createLab } from '../lab/lab.ts'
import { type Pair, Stage } from '../nat/pair.ts'
import { nameOf, type PairSpec, pairsNamed } from '../nat/pairs.ts'
import { HyperDht } from './rivals/hyperdht.ts'
import { Nebula } from './rivals/nebula.ts'
import type { Rival } from './rivals/rival.ts'

const runs = Number(process.env.RUNS ?? 10)
const patience = 20_000
/** So many failures from the start, and it is "never". */
const givenUpAfter = 2

/** Of ours, for each run of a pair: from the start until both sides were on the way that is the pair's; and how many first replies were relayed. */
const direct: (number | null)[] = []
let relayed = 0

const wh: Rival = {
  name: 'wh',
  serve: async () => {},
  begin: pair => pair.warm(),
  connect: async (pair, patience) => {
    const { reply, settled, first } = await pair.connect({ patience })
    direct.push(settled)
    if (first === 'relayed') relayed++
    return reply
  },
  close: async () => {},
}

export async function run(): Promise<void> {
  const others = process.env.ALONE ? [] : [await Nebula.open(), await HyperDht.open()]
  const rivals = [wh, ...others].filter(it => it !== null)
  try {
    for (const boots of [2, 1] as const) {
      const specs = pairsNamed(process.env.ONLY).filter(spec => (spec.boots ?? 2) === boots && spec.path !== 'none')
      if (specs.length === 0) continue
      await using lab = await createLab()
      const stage = await Stage.build(lab, boots)
      for (const rival of rivals) await rival.serve(stage)
      console.log(
        `\n${boots} boot nodes, ${runs} runs: ms, p50 and p95 of those that came, and how many came within ${patience / 1000} s`,
      )
      console.log(
        `${''.padEnd(52)}${'goal'.padStart(6)}${'wh: relayed first, direct'.padStart(30)}${rivals.map(({ name }) => name.padStart(26)).join('')}`,
      )
      for (const spec of specs) await one(stage, spec, rivals)
    }
  } finally {
    for (const rival of rivals) await rival.close()
  }
}

async function one(stage: Stage, spec: PairSpec, rivals: readonly Rival[]): Promise<void> {
  const pair = await stage.pair(spec)
  try {
    const found = new Map<Rival, (number | null)[]>(rivals.map(rival => [rival, []]))
    direct.length = relayed = 0
    // one after the other, ours first: the tunnel of one would be a path for the next
    for (const rival of rivals) {
      await rival.begin(pair)
      for (let run = 0; run < runs; run++) await turn(pair, rival, found.get(rival)!)
    }
    const cells = rivals.map(rival => cell(found.get(rival)!).padStart(26))
    const ways = `${relayed}; ${spec.path === 'relayed' ? 'never' : cell(direct)}`.padStart(30)
    console.log(`${nameOf(spec).padEnd(52)}${String(spec.goal! * 1000).padStart(6)}${ways}${cells.join('')}`)
  } finally {
    await pair.end()
  }
}

async function turn(pair: Pair, rival: Rival, all: (number | null)[]): Promise<void> {
  if (all.length >= givenUpAfter && all.every(it => it === null)) return
  all.push(await rival.connect(pair, patience))
}

function cell(all: readonly (number | null)[]): string {
  const came = all.filter(it => it !== null).sort((a, b) => a - b)
  if (came.length === 0) return `never (${all.length} tried)`
  const at = (part: number) => came[Math.min(came.length - 1, Math.floor(part * came.length))]
  return `${at(0.5)}, ${at(0.95)} (${came.length}/${all.length})`
}
