// News between two members: each has what the other had, whoever asked, and the bytes are those of the news.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conversation } from '../../../src/node/membership/conversation.ts'
import type { Registrar } from '../../../src/node/membership/registrar.ts'
import { answerNews, askForNews } from '../../../src/node/membership/sync.ts'
import { systemClock } from '../../../src/os/clock.ts'
import type { Content } from '../../../src/protocol/membership/statement.ts'
import { keyOf } from '../../protocol/membership/story.ts'
import { genesis, line, memory, registrar } from './line.ts'

const admit = (name: string): Content => ({ kind: 'admit', key: keyOf(name), hostname: `${name}.test` })

async function sync(one: Registrar, other: Registrar, piece?: number): Promise<{ agreed: boolean; bytes: number }> {
  const [near, far] = line(piece)
  const talks = [new Conversation(near, systemClock), new Conversation(far, systemClock)] as const
  const answered = answerNews(other, keyOf('one'), talks[1])
  const agreed = await askForNews(one, keyOf('other'), talks[0])
  talks[0].close()
  await answered
  return { agreed, bytes: near.written + far.written }
}

const ids = (node: Registrar) =>
  node
    .roll!.all()
    .map(({ id }) => id)
    .sort()

test('whoever asks, both have all in the end, on disk too, and it takes pieces of any length', async () => {
  for (const piece of [1, 7, 100_000]) {
    const [anna, store] = [registrar('anna'), memory()]
    const bert = registrar('bert', store)
    for (const name of ['anna', 'bert', 'carl']) anna.say(admit(name))
    assert.deepEqual(await sync(bert, anna, piece).then(it => it.agreed), true)
    assert.deepEqual(ids(bert), ids(anna))
    assert.equal(store.kept.length, 4)
    bert.say({ kind: 'revoke', key: keyOf('bert') })
    anna.say(admit('dora'))
    assert.equal((await sync(bert, anna, piece)).agreed, true)
    assert.deepEqual(ids(bert), ids(anna))
    assert.deepEqual(bert.membership?.members, anna.membership?.members)
  }
})

test('who knows no network yet learns it from a member, if an accepted admin began it', async () => {
  const anna = registrar('anna')
  anna.say(admit('bert'))
  const bert = registrar('bert', memory([]))
  assert.equal(bert.roll, null)
  assert.equal((await sync(bert, anna)).agreed, true)
  assert.deepEqual(ids(bert), ids(anna))
  const carl = registrar('carl', memory([]))
  assert.equal((await sync(anna, carl)).agreed, true, 'also where the other one asks')
  assert.deepEqual(ids(carl), ids(anna))
  const stranger = registrar('carl', memory([]), undefined, [keyOf('otto')])
  assert.equal((await sync(stranger, anna)).agreed, false)
  assert.equal(stranger.roll, null)
})

test('100 news of 1000 cost what they weigh and little more; nothing costs next to nothing', async t => {
  const anna = registrar('anna')
  for (let i = 0; i < 1_000; i++) anna.say(admit(`member${i}`))
  const bert = registrar(
    'bert',
    memory([
      genesis.bytes,
      ...anna
        .roll!.all()
        .slice(1, 901)
        .map(({ bytes }) => bytes),
    ]),
  )
  const news = anna.roll!.all().slice(901)
  const weight = news.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const { agreed, bytes } = await sync(bert, anna)
  assert.ok(agreed)
  t.diagnostic(`${news.length} news of ${weight} bytes: ${bytes} bytes`)
  assert.ok(bytes < weight + 15_000)
  const nothing = await sync(bert, anna)
  t.diagnostic(`nothing new: ${nothing.bytes} bytes`)
  assert.ok(nothing.bytes < 2_000)
})

test('nonsense, silence and other networks end it, and change nothing', async () => {
  const anna = registrar('anna')
  anna.say(admit('bert'))
  const before = ids(anna)
  for (const bytes of [Uint8Array.of(0, 0, 0, 1, 99), new Uint8Array(8).fill(255), new Uint8Array(5)]) {
    const [near, far] = line()
    const answered = answerNews(anna, keyOf('evil'), new Conversation(far, systemClock))
    near.write(bytes)
    near.abort()
    await answered
    assert.deepEqual(ids(anna), before)
  }
})
