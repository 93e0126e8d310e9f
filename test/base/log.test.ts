import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/base/log.ts'
import { readPrivateKey } from '../../src/protocol/identity/key.ts'

test('one line: level, sentence, fields; what is not plain is quoted, what is not there left out', () => {
  const lines: string[] = []
  const log = createLogger((_, line) => lines.push(line))
  log.info('up', { network: 'test', port: 20000, interface: undefined })
  log.warn('odd', { name: 'two words\n"x"', ok: true })
  assert.deepEqual(lines, ['info  up network=test port=20000', 'warn  odd name="two words\\n\\"x\\"" ok=true'])
})

test('a private key that strays into a log is not readable there', () => {
  const key = readPrivateKey('kLfotsCIfB/7OcDGeLenptfy2Dzav9wmVZjVQ0Gvnk0=').ok!
  const lines: string[] = []
  createLogger((_, line) => lines.push(line)).error('oops', { key: key as unknown as string })
  assert.equal(lines[0], 'error oops key="(private key)"')
})
