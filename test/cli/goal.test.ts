import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Failure } from '../../src/base/failure.ts'
import { goalOf } from '../../src/cli/goal.ts'

const folder = mkdtempSync(join(tmpdir(), 'wh-goal-'))
after(() => rmSync(folder, { recursive: true }))

function file(text: string): string {
  const path = join(folder, 'net.conf')
  writeFileSync(path, text)
  return path
}

test('flags outweigh the file, and the file what is usual', () => {
  const path = file('name test\nnamespace example\nworkbit 11\n')
  assert.deepEqual(goalOf({}, undefined), { workbit: 8, namespace: 'public' })
  assert.deepEqual(goalOf({}, path), { workbit: 11, namespace: 'example' })
  assert.deepEqual(goalOf({ workbit: '0' }, path), { workbit: 0, namespace: 'example' })
  assert.deepEqual(goalOf({ namespace: 'other' }, path), { workbit: 11, namespace: 'other' })
})

test('a flag that makes no sense is refused with its name and what is wrong', () => {
  for (const [flags, reason] of [
    [{ workbit: '-3' }, /^workbit: "-3" is not a number from 0 to 64$/],
    [{ workbit: '65' }, /^workbit: "65"/],
    [{ workbit: 'many' }, /^workbit: "many"/],
    [{ workbit: '' }, /^workbit is empty/],
    [{ namespace: '' }, /^namespace is empty/],
    [{ namespace: 'x'.repeat(65) }, /^namespace: 65 bytes; at most 64/],
    [{ namespace: 'a b' }, /^namespace: " " is a blank/],
  ] as const) {
    assert.throws(() => goalOf(flags, undefined), { name: 'Failure', message: reason, exit: 2 })
  }
})

test('a file that cannot be used is refused, with its mistakes', () => {
  assert.throws(() => goalOf({}, join(folder, 'none.conf')), /^Failure: .*none\.conf does not exist/)
  const path = file('name test\nworkbit 99\n')
  assert.throws(
    () => goalOf({}, path),
    (error: Error) => error instanceof Failure && error.message.includes(`${path}:2:9: error`),
  )
})
