import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const wh = fileURLToPath(new URL('../../../bin/wh', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'wh-genkey-'))
after(() => rmSync(folder, { recursive: true }))

function run(argv: string[], input = '') {
  const { status, stdout, stderr } = spawnSync(wh, argv, { input, encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

test('a key goes through the pipe of the announcement', () => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', '"$0" genkey workbit 8 | "$0" pubkey | "$0" workbit', wh], {
    encoding: 'utf8',
  })
  assert.equal(status, 0)
  assert.match(stdout, /^\d+\n$/)
  assert.ok(Number(stdout) >= 8)
  assert.equal(stderr, '')
})

test('standard output is the key and a newline; both styles of options are the same', () => {
  for (const argv of [
    ['workbit', '3', 'namespace', 'example', 'threads', '2'],
    ['--workbit', '3', '--namespace=example', '--threads', '2'],
  ]) {
    const { status, out, err } = run(['genkey', ...argv])
    assert.equal(status, 0)
    assert.match(out, /^[A-Za-z0-9+/]{43}=\n$/)
    assert.equal(err, '')
  }
})

test('a network file says workbit and namespace', () => {
  const file = join(folder, 'net.conf')
  writeFileSync(file, 'name test\nnamespace example\nworkbit 11\n')
  const key = run(['pubkey'], run(['genkey', file]).out).out
  assert.ok(Number(run(['workbit', file], key).out) >= 11)
})

test('a public key is read in either form', () => {
  for (const key of ['kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F_k4mhI_Hs', 'kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F/k4mhI/Hs=']) {
    assert.deepEqual(run(['workbit'], `${key}\n`), { status: 0, out: '8\n', err: '' })
  }
})

test('what makes no sense is refused with the reason', () => {
  for (const [argv, reason] of [
    [['genkey', 'workbit', '-3'], /workbit: "-3" is not a number from 0 to 64/],
    [['genkey', 'threads', '0'], /threads: "0" is not a number from 1/],
    [['genkey', 'threads', '129'], /threads: "129" is not a number from 1 to 128/],
    [['genkey', 'namespace', ''], /namespace is empty/],
    [['genkey', join(folder, 'none.conf')], /none\.conf does not exist/],
    [['workbit'], /nothing on standard input/],
  ] as [string[], RegExp][]) {
    const { status, out, err } = run(argv)
    assert.ok(status === 1 || status === 2, argv.join(' '))
    assert.equal(out, '')
    assert.match(err, reason)
    assert.doesNotMatch(err, /\n\s+at /)
  }
})

/** The names of a process's threads; Node calls those of a search `WorkerThread`. */
const threadsOf = (pid: number) =>
  globSync(`/proc/${pid}/task/*/comm`).map(path => {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch {
      // it has ended meanwhile
      return ''
    }
  })

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !condition(); await new Promise(resolve => setTimeout(resolve, 20))) {
    if (Date.now() > end) throw new Error(`never came true: ${condition}`)
  }
}

test('a search that Ctrl-C ends leaves status 130 and nothing behind', async () => {
  const child = spawn(wh, ['genkey', 'workbit', '64'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', data => (output += data))
  child.stderr.on('data', data => (output += data))
  // `wh` replaces its shell by Node with exec, so that the signal reaches it
  await until(() => threadsOf(child.pid!).includes('WorkerThread'))
  child.kill('SIGINT')
  assert.equal(await new Promise(resolve => child.on('close', resolve)), 130)
  assert.equal(output, '')
})
