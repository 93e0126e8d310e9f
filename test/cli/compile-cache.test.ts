import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { closeFolder } from '../../src/cli/compile-cache.ts'

const root = process.geteuid?.() === 0
const nobody = 65_534

let dir: string
const at = (...names: string[]) => join(dir, ...names)
const modeOf = (path: string) => statSync(path).mode & 0o777
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wh-cache-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Made with exactly this mode. */
function folder(path: string, mode: number): string {
  mkdirSync(path)
  chmodSync(path, mode)
  return path
}

test('the folder is made closed to others, whatever the umask', () => {
  const before = process.umask(0)
  try {
    assert.ok(closeFolder(at('.cache', 'wirehub')))
  } finally {
    process.umask(before)
  }
  assert.deepEqual([modeOf(at('.cache')), modeOf(at('.cache', 'wirehub'))], [0o700, 0o700])
})

test('a folder that others may read is closed, and used', () => {
  folder(join(folder(at('cache'), 0o755), 'v24'), 0o755)
  assert.ok(closeFolder(at('cache')))
  assert.equal(modeOf(at('cache')), 0o700)
  assert.ok(closeFolder(at('cache')))
})

test('a folder where others may have put code is not used', () => {
  for (const mode of [0o777, 0o770, 0o757]) {
    assert.equal(closeFolder(folder(at(`outer-${mode}`), mode)), false)
    folder(join(folder(at(`inner-${mode}`), 0o755), 'v24'), mode)
    assert.equal(closeFolder(at(`inner-${mode}`)), false)
  }
})

test('what is no folder is not used, nor one behind a link', () => {
  symlinkSync(folder(at('real'), 0o700), at('link'))
  assert.equal(closeFolder(at('link')), false)
  assert.equal(closeFolder('/dev/null'), false)
  assert.equal(closeFolder('/dev/null/wirehub'), false)
})

test('the folder of somebody else is not used', { skip: !root && 'needs root' }, () => {
  chownSync(folder(at('cache'), 0o700), nobody, nobody)
  assert.equal(closeFolder(at('cache')), false)
})

test('without root it is in the folder that the environment says', () => {
  const bin = join(import.meta.dirname, '../../bin/wh')
  if (root) chownSync(dir, nobody, nobody)
  const run = (cache: string) => {
    const env = { ...process.env, XDG_CACHE_HOME: cache, NODE_DISABLE_COMPILE_CACHE: undefined }
    const { status } = spawnSync(bin, ['--version'], { env, ...(root && { uid: nobody, gid: nobody }) })
    assert.equal(status, 0)
  }
  run(dir)
  assert.equal(modeOf(at('wirehub')), 0o700)
  assert.notDeepEqual(readdirSync(at('wirehub')), [])
  folder(join(folder(at('open'), 0o777), 'wirehub'), 0o777)
  run(at('open'))
  assert.deepEqual(readdirSync(at('open', 'wirehub')), [])
})
