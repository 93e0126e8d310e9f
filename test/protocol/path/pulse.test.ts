import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadBeats, deadChance, suspectBeats, suspectChance } from '../../../src/protocol/path/constants.ts'
import { Pulse } from '../../../src/protocol/path/pulse.ts'
import { seeded } from './pair.ts'

const second = 1_000

type Options = {
  rtt?: number
  loss?: number
  jitter?: number
  seed?: number
  pace?: number
  until: number
  deadFrom?: number
}

/** Beats a path, and says when it was first suspected, and when first believed dead. */
function beat({ rtt = 40, loss = 0, jitter = 0, seed = 1, pace = 300, until, deadFrom = until }: Options) {
  const random = seeded(seed)
  const pulse = new Pulse(() => pace)
  const answers: { at: number; sentAt: number }[] = []
  let [now, suspected, dead, suspicions] = [0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]
  pulse.start(1, rtt, true, 0)
  for (;;) {
    answers.sort((a, b) => a.at - b.at)
    const next = Math.max(now, Math.min(pulse.wakeAt, answers[0]?.at ?? Number.POSITIVE_INFINITY))
    if (next > until) break
    now = next
    if (answers[0] && answers[0].at <= now) pulse.answered(now - answers.shift()!.sentAt, now)
    if (pulse.tick(now) && random() >= loss && random() >= loss && now < deadFrom) {
      answers.push({ at: now + rtt * (1 + jitter * random()), sentAt: now })
    }
    if (pulse.isSilent(suspectChance, suspectBeats)) {
      if (suspected > now) suspicions += 1
      suspected = Math.min(suspected, now)
    }
    if (pulse.isSilent(deadChance, deadBeats)) dead = Math.min(dead, now)
  }
  return { pulse, suspected, dead, suspicions }
}

test('a path without loss is never suspected, at 5 ms, at 600 ms, at 2 s', () => {
  for (const rtt of [5, 600, 2_000]) {
    const { pulse, suspected } = beat({ rtt, until: 600 * second })
    assert.equal(suspected, Number.POSITIVE_INFINITY)
    assert.ok(pulse.sent >= 1_990 && pulse.sent <= 2_010, `${rtt} ms: ${pulse.sent}`)
    assert.equal(pulse.missed, 0)
  }
})

test('round trips that vary by half are no loss', () => {
  const { pulse, suspected } = beat({ rtt: 400, jitter: 0.5, until: 600 * second })
  assert.deepEqual([suspected, pulse.missed], [Number.POSITIVE_INFINITY, 0])
})

test('an end is suspected within 700 ms, and certain within 900, where nothing was lost before', () => {
  for (let i = 0; i < 30; i++) {
    const deadFrom = 60 * second + i * 10
    const { suspected, dead } = beat({ until: 70 * second, deadFrom })
    assert.ok(suspected - deadFrom <= 700 && dead - deadFrom <= 900, `${suspected - deadFrom}, ${dead - deadFrom}`)
    assert.ok(suspected > deadFrom)
  }
})

test('at a round trip of 600 ms, within three of them', () => {
  const { suspected, dead } = beat({ rtt: 600, until: 70 * second, deadFrom: 60 * second })
  assert.ok(suspected - 60 * second <= 2_100 && dead - 60 * second <= 2_400, `${suspected}, ${dead}`)
})

for (const [percent, slow] of [
  [10, 2],
  [30, 5],
] as const) {
  test(`where ${percent} % are lost each way, no path is believed dead in 10 minutes that lives; one that died is, within ${slow} s`, () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { dead, pulse } = beat({ seed, loss: percent / 100, until: 600 * second })
      assert.equal(dead, Number.POSITIVE_INFINITY, `seed ${seed}`)
      const share = 1 - (1 - percent / 100) ** 2
      assert.ok(Math.abs(pulse.loss - share) < 0.25, `seed ${seed}: ${pulse.loss}`)
      const end = beat({ seed, loss: percent / 100, until: 70 * second, deadFrom: 60 * second })
      assert.ok(end.dead - 60 * second <= slow * second, `seed ${seed}: ${end.dead}`)
    }
  })
}

test('what was lost while the path lived does not count towards its end', () => {
  const pulse = new Pulse(() => 300)
  pulse.start(1, 40, true, null)
  pulse.tick(0)
  pulse.tick(150)
  pulse.answered(40, 190)
  pulse.tick(260)
  assert.equal(pulse.isSilent(suspectChance, { least: 1, most: 1 }), false)
})

test('an answer that comes after its time is an answer', () => {
  const pulse = new Pulse(() => 300)
  pulse.start(1, 40, true, null)
  for (const now of [0, 150, 250, 400]) pulse.tick(now)
  assert.equal(pulse.isSilent(suspectChance, { least: 2, most: 2 }), true)
  pulse.answered(260, 410)
  assert.equal(pulse.isSilent(suspectChance, { least: 1, most: 1 }), false)
  assert.equal(pulse.silentSince, Number.POSITIVE_INFINITY)
})

test('an answer says that the path lived when its PING left, and no later', () => {
  const pulse = new Pulse(() => 300)
  pulse.start(1, 40, true, null)
  for (const now of [0, 150, 250, 400, 450]) pulse.tick(now)
  // to the first PING, after the second was given up
  pulse.answered(450, 450)
  assert.equal(pulse.silentSince, 150)
})

test('who slept for a minute suspects nobody', () => {
  const pulse = new Pulse(() => 300)
  pulse.start(1, 40, true, null)
  pulse.tick(0)
  pulse.answered(40, 40)
  pulse.tick(300)
  pulse.tick(450)
  pulse.tick(60 * second)
  assert.equal(pulse.isSilent(suspectChance, { least: 1, most: 1 }), false)
})

test('the pace is asked for each time: many paths in use make it slow, and an end is still hurried to', () => {
  assert.equal(beat({ pace: 3 * second, until: 59 * second }).pulse.sent, 20)
  const { suspected } = beat({ pace: 3 * second, until: 70 * second, deadFrom: 60 * second })
  assert.ok(suspected - 60 * second <= 3 * second + 450, String(suspected))
})
