import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileWasm } from '../../src/os/wasm.ts'

test('where the WebAssembly is missing, the error says how to make it', () => {
  assert.throws(() => compileWasm('none'), {
    name: 'Failure',
    message: /build\/none\.wasm/,
    remedy: 'run: npm run setup',
  })
})
