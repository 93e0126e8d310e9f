import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

/** Finds a key in a Node with other V8 flags; every search proves its key. */
const program = `
  (async () => {
  const { searchKey } = await import('./src/drivers/keysearch/search.ts')
  const { compileWasm, instantiateWasm } = await import('./src/os/wasm.ts')
  const key = await searchKey({ workbit: 10, namespace: 'public' })
  console.log(instantiateWasm(compileWasm('key-search')).usable(), key.publicKey().length)
  })()
`

test('on a processor without fused multiply-add the portable build is taken', {
  skip: process.arch === 'x64' ? false : 'only on x64 can V8 be told to do without',
}, () => {
  const cwd = new URL('../../..', import.meta.url)
  const argv = ['--no-enable-fma3', '--eval', program]
  const { stdout, stderr } = spawnSync(process.execPath, argv, { cwd, encoding: 'utf8' })
  assert.equal(stdout, '0 43\n', stderr)
})
