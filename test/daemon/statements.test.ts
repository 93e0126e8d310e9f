// Statements on disk: added at the end, and whole again after a crash or a full disk.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/base/log.ts'
import { statementStore } from '../../src/daemon/statements.ts'
import type { Files } from '../../src/os/files.ts'
import { machineDouble } from '../machine-double.ts'

const path = '/var/lib/wirehub/test/key.statements'
const log = createLogger(() => {})
const bytes = (...lengths: number[]) => lengths.map((length, i) => new Uint8Array(length).fill(i + 1))

test('what was added is loaded, in order', () => {
  const { files } = machineDouble({})
  const store = statementStore(files, path, log)
  assert.equal(store.load(), null)
  store.append(bytes(1, 300))
  store.append(bytes(7))
  assert.deepEqual(statementStore(files, path, log).load(), [...bytes(1, 300), ...bytes(7)])
})

test('half a statement at the end, of whatever length, is cut off, and the next one stands behind the whole ones', () => {
  const whole = machineDouble({})
  statementStore(whole.files, path, log).append(bytes(5, 9))
  const text = whole.files.read(path, 'latin1')!
  for (let length = 0; length < text.length; length++) {
    const { files } = machineDouble({})
    files.write(path, text.slice(0, length))
    const store = statementStore(files, path, log)
    const kept = length < 7 ? [] : bytes(5)
    assert.deepEqual(store.load() ?? [], kept, `${length} bytes`)
    store.append(bytes(3))
    assert.deepEqual(statementStore(files, path, log).load(), [...kept, ...bytes(3)])
  }
})

test('a disk that becomes full in the middle of it: what comes next is whole', () => {
  const { files } = machineDouble({})
  let isFull = true
  const torn: Files = {
    ...files,
    append(file, text, encoding) {
      files.append(file, isFull ? text.slice(0, 4) : text, encoding)
      if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    },
  }
  const store = statementStore(torn, path, log)
  assert.throws(() => store.append(bytes(8)), /no space/)
  isFull = false
  store.append(bytes(8, 2))
  assert.deepEqual(statementStore(files, path, log).load(), bytes(8, 2))
})
