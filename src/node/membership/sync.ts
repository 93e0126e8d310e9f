/**
 * One exchange of news between two members. Who asks leads: he compares ranges until the difference is known, sends what the other lacks,
 * and asks for what he lacks.
 *
 *     asks   network ▸                ranges ▸          ▸ …  statements ▸ want ▸
 *     answers         ◂ network              ◂ ranges                            ◂ statements ◂ done
 */

import type { PublicKey } from '../../protocol/identity/key.ts'
import { type Frame, statementFrames } from '../../protocol/membership/frames.ts'
import { Reconciliation } from '../../protocol/membership/reconcile.ts'
import type { Roll } from '../../protocol/membership/roll.ts'
import type { NetworkId, StatementId } from '../../protocol/membership/statement.ts'
import type { Conversation } from './conversation.ts'
import type { Registrar } from './registrar.ts'

export const syncProtocol = '/wirehub/roll/1'

/** Of a node that does not know its network yet. */
const unknown = '0'.repeat(64) as NetworkId
/** A comparison of 100 000 statements takes six. */
const roundsMost = 32

/** @returns whether both have the same now, as far as each takes it */
export async function askForNews(registrar: Registrar, other: PublicKey, talk: Conversation): Promise<boolean> {
  await talk.say(networkOf(registrar.roll))
  const told = await talk.hear()
  if (told?.kind !== 'network') return false
  if (!registrar.roll && !registrar.adopt(told.genesis)) return false
  const roll = registrar.roll!
  if (told.network !== roll.network) return false
  const mine = new Reconciliation(roll.items())
  const [give, want] = [new Set<StatementId>(), new Set<StatementId>()]
  let question: Uint8Array | null = mine.begin()
  for (let round = 0; question && round < roundsMost; round++) {
    await talk.say({ kind: 'ranges', message: question })
    const answer = await talk.hear()
    if (answer?.kind !== 'ranges') return false
    const found = mine.read(answer.message)
    if (!found) return false
    for (const id of found.give) give.add(id)
    for (const id of found.want) want.add(id)
    question = found.question
  }
  await sendStatements(roll, give, talk)
  await talk.say({ kind: 'want', ids: [...want] })
  return await takeStatements(registrar, other, talk)
}

/** The other leads. */
export async function answerNews(registrar: Registrar, other: PublicKey, talk: Conversation): Promise<void> {
  const told = await talk.hear()
  if (!registrar.roll && told?.kind === 'network') registrar.adopt(told.genesis)
  const { roll } = registrar
  await talk.say(networkOf(roll))
  if (told?.kind !== 'network' || !roll || (told.network !== roll.network && told.network !== unknown)) return
  const mine = new Reconciliation(roll.items())
  const heard: Uint8Array[] = []
  for (let frame = await talk.hear(); frame; frame = await talk.hear()) {
    if (frame.kind === 'ranges') {
      const message = mine.answer(frame.message)
      if (!message) return
      await talk.say({ kind: 'ranges', message })
    } else if (frame.kind === 'statements') heard.push(...frame.statements)
    else if (frame.kind === 'want') {
      registrar.hear(heard.splice(0), other)
      await sendStatements(roll, frame.ids, talk)
      await talk.say({ kind: 'done' })
    } else return
  }
}

/** In their order, so that nothing has to wait. */
async function sendStatements(roll: Roll, ids: Iterable<StatementId>, talk: Conversation): Promise<void> {
  const wanted = new Set(ids)
  const found = roll.items().flatMap(({ id }) => (wanted.has(id) ? [roll.get(id)!.bytes] : []))
  for (const frame of statementFrames(found)) await talk.say(frame)
}

async function takeStatements(registrar: Registrar, other: PublicKey, talk: Conversation): Promise<boolean> {
  const heard: Uint8Array[] = []
  for (
    let frame = await talk.hear();
    frame?.kind === 'statements' || frame?.kind === 'done';
    frame = await talk.hear()
  ) {
    if (frame.kind === 'statements') {
      heard.push(...frame.statements)
      continue
    }
    registrar.hear(heard, other)
    return true
  }
  return false
}

function networkOf(roll: Roll | null): Frame {
  const genesis = roll?.get(roll.network)
  return { kind: 'network', network: roll?.network ?? unknown, genesis: genesis?.bytes ?? new Uint8Array(0) }
}
