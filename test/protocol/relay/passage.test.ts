import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { minute, second, type Time } from '../../../src/base/time.ts'
import * as limits from '../../../src/protocol/relay/constants.ts'
import { type GivenBinding, Passage, type PassageInput } from '../../../src/protocol/relay/passage.ts'

const start = 100 * second
const [held, fresh] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]
const said = (state: GivenBinding['state'], seconds = state === 'bound' || state === 'waiting' ? 60 : 0) => ({
  ...{ kind: 'bound' as const, bound: { state, token: fresh, seconds } },
})
const timer = { kind: 'timer' } as const
const silent = { kind: 'silent' } as const

/** A passage, the clock, and what it asked for. */
class Run {
  now: Time = start
  readonly passage: Passage
  readonly binds: { at: Time; token: Uint8Array | null }[] = []
  changes = 0

  constructor(token: Uint8Array | null = held, chance = () => 0) {
    this.passage = new Passage(chance, token, start)
  }

  input(input: PassageInput): void {
    for (const output of this.passage.handle(input, this.now)) {
      if (output.kind === 'bind') this.binds.push({ at: this.now, token: output.token })
      else this.changes += 1
    }
  }

  /** Lets time pass; each `bind` is answered at once with what `answer` gives. */
  pass(duration: Time, answer: () => PassageInput | null): void {
    const end = this.now + duration
    let answered = this.binds.length
    for (;;) {
      while (answered < this.binds.length) {
        answered += 1
        const input = answer()
        if (input) this.input(input)
      }
      if (this.passage.wakeAt > end) break
      this.now = Math.max(this.now, this.passage.wakeAt)
      this.input(timer)
    }
    this.now = end
  }

  stands(): string {
    const { state, reason } = this.passage
    return reason === null ? state : `${state}: ${reason}`
  }

  /** Seconds from the first BIND. */
  times(): number[] {
    return this.binds.map(({ at }) => (at - start) / second)
  }
}

test('it binds at once, with the token that it has, and again with the one that it is given', () => {
  const run = new Run()
  assert.equal(run.passage.wakeAt, start)
  assert.equal(run.stands(), 'binding')
  run.input(timer)
  run.input(timer)
  assert.deepEqual(run.binds, [{ at: start, token: held }], 'once, until it is answered')
  run.now += 50
  run.input(said('prove'))
  assert.deepEqual(run.binds[1], { at: start + 50, token: fresh })
  assert.equal(run.stands(), 'binding')
  run.input(said('bound'))
  assert.deepEqual([run.stands(), run.changes, run.passage.wakeAt], ['bound', 1, run.now + 20 * second])
})

test('bound: every 20 s, or up to a quarter sooner, and sooner where the relay keeps bindings for less', () => {
  const run = new Run()
  run.pass(2 * minute, () => said('bound'))
  assert.deepEqual(run.times(), [0, 20, 40, 60, 80, 100, 120])
  assert.equal(run.changes, 1)
  const earliest = new Run(held, () => 0.999_999)
  earliest.pass(minute + second, () => said('bound'))
  assert.deepEqual(earliest.times().map(Math.round), [0, 15, 30, 45, 60])
  const short = new Run()
  short.pass(40 * second, () => said('bound', 30))
  assert.deepEqual(short.times(), [0, 10, 20, 30, 40])
})

test('a relay that keeps bindings for no time is not asked more often for that', () => {
  const run = new Run()
  run.pass(30 * second, () => said('bound', 1))
  assert.ok(run.binds.length <= 7, `${run.binds.length} BINDs`)
})

test('waiting: asked soon again, since the peer may come, then less often, and never later than a refresh', () => {
  const run = new Run()
  run.pass(minute, () => said('waiting'))
  assert.deepEqual(run.times(), [0, 1, 3, 7, 15, 30, 45, 60])
  run.pass(15 * second, () => said('bound'))
  assert.equal(run.stands(), 'bound')
  run.pass(20 * second, () => said('waiting'))
  assert.equal(run.stands(), 'waiting', 'the peer has gone')
  run.pass(second, () => said('bound'))
  assert.equal(run.stands(), 'bound')
})

test('silent: asked again after 1, 2, 4, 8 and then every 15 s; the first answer makes it good', () => {
  const run = new Run()
  run.pass(minute, () => silent)
  assert.deepEqual(run.times(), [0, 1, 3, 7, 15, 30, 45, 60])
  assert.deepEqual([run.stands(), run.changes], ['silent: no answer', 1])
  run.pass(15 * second, () => said('bound'))
  assert.deepEqual([run.stands(), run.changes], ['bound', 2])
})

test('one silence does not break what stands, two do, and so does the end of the binding', () => {
  const run = new Run()
  run.pass(0, () => said('bound'))
  run.pass(20 * second, () => silent)
  assert.equal(run.stands(), 'bound')
  run.pass(second, () => silent)
  assert.equal(run.stands(), 'silent: no answer')
  const lucky = new Run()
  for (let i = 0; i < 5; i++) {
    lucky.pass(20 * second, () => (lucky.binds.length % 2 === 1 ? said('bound') : silent))
    assert.equal(lucky.stands(), 'bound', 'an answer between them')
  }
  assert.deepEqual(lucky.times().slice(0, 5), [0, 20, 21, 41, 42])
  const moved = new Run()
  moved.pass(10 * second, () => said('bound'))
  for (let i = 0; i < 2; i++) {
    moved.input({ kind: 'moved' })
    moved.now += second
  }
  moved.input(silent)
  moved.input(silent)
  assert.equal(moved.stands(), 'bound', 'two that were open at the same time are one silence')
  const asleep = new Run()
  asleep.pass(0, () => said('bound'))
  asleep.now += 60 * second
  asleep.input(timer)
  assert.equal(asleep.stands(), 'silent: no answer')
  assert.equal(asleep.binds.length, 2, 'and it is asked at once')
  const unanswered = new Run()
  unanswered.pass(0, () => said('bound'))
  unanswered.pass(minute, () => null)
  assert.equal(unanswered.stands(), 'silent: no answer')
})

test('refused: absent soon again, full after a minute, refused after ten; the reason is told', () => {
  const rows = [
    ['absent', [0, 1, 3, 7, 15, 30, 45, 60, 75, 90]],
    ['full', [0, 60]],
    ['refused', [0]],
  ] as const
  for (const [state, times] of rows) {
    const run = new Run()
    run.pass(90 * second, () => said(state))
    assert.deepEqual(run.times(), times)
    assert.deepEqual([run.stands(), run.changes], [`refused: ${state}`, 1])
    run.input({ kind: 'moved' })
    assert.equal(run.binds.length, times.length + 1, 'from another place, another answer may come')
  }
  const run = new Run()
  run.pass(10 * minute, () => said('refused'))
  assert.deepEqual(run.times(), [0, 600])
})

test('a relay that asks for token after token is not believed', () => {
  const run = new Run()
  run.pass(10 * second, () => said('prove'))
  assert.deepEqual(run.times(), [0, 0, 0, 1, 1, 1, 3, 3, 3, 7, 7, 7])
  assert.equal(run.stands(), 'refused: prove')
  run.pass(5 * second, () => said('bound'))
  assert.equal(run.stands(), 'bound')
})

test('moved: at once, though a question is open, but once in a second', () => {
  const run = new Run()
  run.pass(10 * second, () => said('bound'))
  run.input({ kind: 'moved' })
  run.input({ kind: 'moved' })
  assert.deepEqual(run.times(), [0, 10])
  run.now += 500
  run.input({ kind: 'moved' })
  assert.equal(run.passage.wakeAt, start + 11 * second)
  run.now += 500
  run.input(timer)
  assert.deepEqual(run.times(), [0, 10, 11], 'once more from where it is now')
  // the first of both is answered for an address that is not ours any more
  run.input(silent)
  assert.equal(run.stands(), 'bound')
  run.input(said('prove'))
  run.input(said('bound'))
  assert.deepEqual([run.stands(), run.binds.length], ['bound', 4])
  assert.equal(run.passage.wakeAt, run.now + 20 * second)
})

test('what nobody asked for changes nothing', () => {
  const run = new Run()
  run.input(said('bound'))
  assert.equal(run.stands(), 'binding')
  run.input(said('bound'))
  const wakeAt = run.passage.wakeAt
  for (const input of [silent, said('refused'), said('prove')]) run.input(input)
  assert.deepEqual([run.stands(), run.passage.wakeAt, run.binds.length], ['bound', wakeAt, 1])
})

test('whatever it is answered, it asks at most 9 times in a second, and a relay that means well again is found', () => {
  const answer = fc.oneof(
    fc.constantFrom<PassageInput>(silent, { kind: 'moved' }),
    fc
      .tuple(fc.constantFrom('bound', 'waiting', 'prove', 'absent', 'full', 'refused'), fc.nat(100))
      .map(([state, seconds]) => said(state as GivenBinding['state'], seconds)),
  )
  fc.assert(
    fc.property(fc.array(answer, { minLength: 1, maxLength: 60, size: 'max' }), fc.nat(1_000), (answers, chance) => {
      const run = new Run(null, () => chance / 1_001)
      let next = 0
      for (let i = 0; i < 300; i++) {
        const answer = answers[next++ % answers.length]!
        run.input(answer)
        if (answer.kind === 'moved') run.input(silent)
        run.input(timer)
        // open questions end in time
        if (run.passage.wakeAt === Number.POSITIVE_INFINITY) run.now += 100
        else run.now = Math.max(run.now + 100, Math.min(run.passage.wakeAt, run.now + 5 * second))
      }
      const most = (window: Time) =>
        Math.max(
          ...run.binds.map(({ at }) => run.binds.filter(other => other.at >= at && other.at < at + window).length),
        )
      assert.ok(most(second) <= 9, `${most(second)} in a second`)
      // all that is open ends some time
      for (let i = run.binds.length; i > 0; i--) run.input(silent)
      run.pass(limits.refusedFor, () => said('bound'))
      assert.equal(run.stands(), 'bound')
    }),
    { numRuns: 200 },
  )
})
