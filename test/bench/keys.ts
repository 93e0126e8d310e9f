/**
 * Keys per second and core: the search of `wh genkey` beside the plain way, which makes a fresh X25519 pair for each try and
 * hashes its public key. The ways take turns, so that whatever else the machine does meets them alike; the best turn counts.
 */

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { builds } from '../../src/drivers/keysearch/wasm.ts'
import { compileWasm, instantiateWasm } from '../../src/os/wasm.ts'
import { KeySearch, type KeySearchWasm, prepareTable } from '../../src/protocol/identity/search.ts'

type Parts = KeySearchWasm & Record<'repeatField' | 'repeatEncoding' | 'repeatHash', (times: number) => void>
type Way = { readonly name: string; readonly tries: number; run(): void; best: number }

const turns = 8
/** No key of this search is ever found: only trying is measured. */
const goal = { workbit: 64, namespace: 'public' }

export async function run(): Promise<void> {
  const plain = way('plain: node:crypto pair, BLAKE2b', 4000, plainTry)
  const searches = builds.map(name => {
    const wasm = instantiateWasm<Parts>(compileWasm(name)!)
    prepareTable(wasm)
    const search = new KeySearch(wasm, randomBytes(32), goal)
    // a part is timed by what it does for four keys
    const part = (name: string, repeat: (times: number) => void) => way(name, 4 * 20_000, () => repeat(20_000))
    return {
      whole: way(name, 100 * wasm.KEYS.value, () => {
        for (let i = 0; i < 100; i++) search.step()
      }),
      parts: [
        part('hashing (BLAKE2b)', wasm.repeatHash),
        part('field arithmetic', wasm.repeatField),
        part('encoding', wasm.repeatEncoding),
      ],
    }
  })
  const ways = [plain, ...searches.flatMap(({ whole, parts }) => [whole, ...parts])]
  for (let turn = 0; turn < turns; turn++) for (const way of ways) time(way)

  console.log(
    `${'keys per second and core'.padEnd(36)}${'keys/s'.padStart(10)}${'ns/key'.padStart(9)}${'ratio'.padStart(8)}`,
  )
  row(plain, plain)
  for (const { whole, parts } of searches) {
    row(whole, plain)
    let rest = whole.best
    for (const part of parts) {
      share(part.name, part.best, whole.best)
      rest -= part.best
    }
    share('the rest (sums, one inverse, memory)', rest, whole.best)
  }
}

function plainTry(): void {
  for (let i = 0; i < 4000; i++) {
    const { publicKey } = generateKeyPairSync('x25519')
    const bytes = publicKey.export({ format: 'raw-public' })
    // Node has BLAKE2b with 64 bytes of digest only: not the right bytes, but the right amount of work
    createHash('blake2b512').update(bytes).update(goal.namespace).digest()
  }
}

function way(name: string, tries: number, run: () => void): Way {
  return { name, tries, run, best: Number.POSITIVE_INFINITY }
}

/** Nanoseconds for one try. */
function time(way: Way): void {
  const start = performance.now()
  way.run()
  way.best = Math.min(way.best, ((performance.now() - start) * 1e6) / way.tries)
}

function row({ name, best }: Way, plain: Way): void {
  const rate = Math.round(1e9 / best)
    .toLocaleString('en')
    .replaceAll(',', ' ')
  const ratio = `${(plain.best / best).toFixed(best === plain.best ? 0 : 1)}x`
  console.log(`${name.padEnd(36)}${rate.padStart(10)}${best.toFixed(0).padStart(9)}${ratio.padStart(8)}`)
}

function share(name: string, time: number, whole: number): void {
  console.log(
    `  ${name.padEnd(44)}${time.toFixed(0).padStart(9)}${`${((100 * time) / whole).toFixed(0)} %`.padStart(8)}`,
  )
}
