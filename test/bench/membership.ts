/**
 * How long the roll of a large network takes: 10 000 statements that come from others, against the floor, which is to verify as many
 * signatures; and then from our own disk, where that is not done again. And what 100 news cost between two who have the rest.
 */

import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { systemCrypto as crypto } from '../../src/os/crypto.ts'
import { systemRandom } from '../../src/os/random.ts'
import { PrivateKey } from '../../src/protocol/identity/key.ts'
import { Reconciliation } from '../../src/protocol/membership/reconcile.ts'
import { Roll } from '../../src/protocol/membership/roll.ts'
import { signStatement } from '../../src/protocol/membership/signed.ts'
import type { Content, NetworkId, StatementId } from '../../src/protocol/membership/statement.ts'

const count = 10_000
const news = 100
const rounds = 3
const at = 1_800_000_000_000
const random = (length: number) => systemRandom.bytes(length)

export async function run(): Promise<void> {
  const admin = new PrivateKey(random(32))
  const author = admin.publicKey()
  const genesis: Content = {
    ...{ kind: 'genesis', salt: random(16), name: 'bench', namespace: 'public', workbit: 0 },
    ...{ subnet: { address: '10.64.0.0', length: 10, family: 4 }, admins: [author], boots: [] },
  }
  const first = signStatement(admin, null, { ...genesis, author, at, after: [] }, random)
  const network = first.id as NetworkId
  const all = [first.bytes]
  let last: StatementId = network
  for (let i = 1; i < count; i++) {
    const key = new PrivateKey(random(32)).publicKey()
    const admit = { kind: 'admit', key, hostname: `m${i}.bench`, author, at, after: [last] } as const
    const { id, bytes } = signStatement(admin, network, admit, random)
    all.push(bytes)
    // one after the other, as one admin says it
    last = id
  }
  const roll = (statements: readonly Uint8Array[], trusted: boolean) => {
    const made = new Roll(crypto, network, [author])
    for (const bytes of statements) if (made.add(bytes, trusted) !== 'new') throw new TypeError('the bench is wrong')
    return made
  }
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const signature = sign(null, all[1]!, privateKey)
  const floor = median(() => {
    for (let i = 0; i < count; i++) verify(null, all[1]!, publicKey, signature)
  })
  const whole = roll(all, true)
  const rows: [string, number][] = [
    [`floor: verify ${count} signatures`, floor],
    ['from others: read, verify, keep', median(() => roll(all, false))],
    ['from our own disk', median(() => roll(all, true))],
    ['  and what it means', median(() => roll(all, true).membership(at))],
    ['  and one more, and what that means', median(() => addOne(roll(all.slice(0, -1), true), all.at(-1)!))],
  ]
  const bytes = all.reduce((sum, { length }) => sum + length, 0)
  console.log(`${count} statements, ${(bytes / 1e6).toFixed(1)} MB (median of ${rounds})`)
  for (const [step, time] of rows) {
    console.log(`  ${step.padEnd(38)}${time.toFixed(0).padStart(6)} ms  ${(time / floor).toFixed(2)} of the floor`)
  }
  const weight = all.slice(-news).reduce((sum, { length }) => sum + length, 0)
  const compared = compare(roll(all.slice(0, -news), true), whole)
  console.log(`  ${news} news: ${weight} bytes, and ${compared} bytes to find out which`)
}

function addOne(roll: Roll, bytes: Uint8Array): void {
  roll.membership(at)
  roll.add(bytes)
  roll.membership(at)
}

/** Bytes of both sides. */
function compare(one: Roll, other: Roll): number {
  const [asker, answerer] = [new Reconciliation(one.items()), new Reconciliation(other.items())]
  let bytes = 0
  for (let question: Uint8Array | null = asker.begin(); question; ) {
    const answer: Uint8Array = answerer.answer(question)!
    bytes += question.length + answer.length
    question = asker.read(answer)!.question
  }
  return bytes
}

function median(work: () => unknown): number {
  const times = Array.from({ length: rounds }, () => {
    const began = performance.now()
    work()
    return performance.now() - began
  })
  return times.sort((a, b) => a - b)[rounds >> 1]!
}
