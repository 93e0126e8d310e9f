import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { publicKeyOfEither } from '../../../src/cli/given-key.ts'
import { PrivateKey, readPublicKey, toWgForm } from '../../../src/protocol/identity/key.ts'

const wh = fileURLToPath(new URL('../../../bin/wh', import.meta.url))
const vector = JSON.parse(readFileSync(new URL('../../vectors/xeddsa.json', import.meta.url), 'utf8')).python[0]
const folder = mkdtempSync(join(tmpdir(), 'wh-id-'))
after(() => rmSync(folder, { recursive: true }))

const a = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4'
const b = 'eIix5ldvqDzOIrG9ViKTe9TSBlF4g9nUwKi20C06hFM'
const secret = 'kLfotsCIfB/7OcDGeLenptfy2Dzav9wmVZjVQ0Gvnk0='
const file = join(folder, 'net.conf')
writeFileSync(file, `name test\nnamespace example\nsubnet 10.0.42.0/24\ntrust a.test ${a}\ntrust b.test ${b}\n`)

function run(argv: string[], input = '') {
  const { status, stdout, stderr } = spawnSync(wh, ['id', ...argv], { input, encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

test('a public key in either form, as argument or on standard input', () => {
  const all = [run([a]), run([toWgForm(readPublicKey(a).ok!)]), run([], a), run(['-'], `${a}\n`)]
  for (const { status, out, err } of all) {
    assert.deepEqual([status, err], [0, ''])
    assert.match(out, new RegExp(`^key +${a}\npeer id +12D3Koo\\w{45}\nworkbit +8 \\(namespace public\\)\n$`))
  }
})

test('the PeerId is the one of the Python program', () => {
  const key = Buffer.from(vector.public, 'hex').toString('base64url')
  assert.equal(JSON.parse(run([key, 'json']).out).peerId, vector.peerId)
})

test('a private key on standard input gives the public identity, and shows nothing of itself', () => {
  const { status, out, err } = run(['--json'], secret)
  assert.deepEqual([status, err], [0, ''])
  const found = JSON.parse(out)
  assert.deepEqual([found.key, found.workbit], [new PrivateKey(Buffer.from(secret, 'base64')).publicKey(), 16])
  assert.ok(!out.includes(secret.slice(0, 10)))
})

test('overlay addresses of a member, by name, key, address or private key; namespace of the file', () => {
  const found = run(['b.test', file])
  assert.match(
    found.out,
    /^workbit +\d+ \(namespace example\)\nnetwork +test\nhostname +b\.test\nipv4 +10\.0\.42\.3\nipv6 +fd/m,
  )
  for (const { status, out } of [
    run([b, file]),
    run(['10.0.42.3', file]),
    run(['B.TEST', file]),
    run(['-', file], b),
  ]) {
    assert.deepEqual([status, out], [0, found.out])
  }
})

test('a key that is no member has the IPv6 address alone, and so has one without a file', () => {
  const byFile = JSON.parse(run(['-', file, 'json'], secret).out)
  const byName = JSON.parse(run(['network', 'test', 'namespace', 'example', '--json'], secret).out)
  assert.deepEqual(byFile, byName)
  assert.match(byName.ipv6, /^fd92:8b20:3669:/)
  assert.ok(!('ipv4' in byName || 'hostname' in byName))
})

test('a key that nobody can have: what can be computed, and a word about it', () => {
  // u = 2 is on the curve's twist
  const { status, out, err } = run(['AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'])
  assert.equal(status, 0)
  assert.match(out, /^peer id +-$/m)
  assert.match(err, /no private key has this as its public key/)
})

test('what makes no sense is refused with the reason, and a secret is never repeated', () => {
  for (const [argv, input, expected, reason] of [
    [[], '', 2, /nothing on standard input, where a public or private key was expected/],
    [[], 'hello', 1, /not a key: 5 characters/],
    [['b.test'], '', 1, /not a public key: .*\n {2}a member of a network: wh id b\.test FILE/],
    [['b.tset', file], '', 1, /b\.tset is no member of .*net\.conf; did you mean b\.test\?/],
    [['somebody', file], '', 1, /somebody is no member of .*, and no public key: 8 characters/],
    [[secret], '', 1, /a private key, not a public one/],
    [[secret, file], '', 1, /KEY is no member of .*a private key, not a public one/],
    [[a, file, 'network', 'x'], '', 2, /FILE says the network already/],
    [[a, 'network', 'x/y'], '', 2, /network: "\/" is not a letter/],
    [[a, 'namespace', ''], '', 2, /namespace is empty/],
    [[a, join(folder, 'none.conf')], '', 1, /does not exist/],
  ] as [string[], string, number, RegExp][]) {
    const { status, out, err } = run(argv, input)
    assert.equal(status, expected, argv.join(' '))
    assert.equal(out, '')
    assert.match(err, reason)
    assert.ok(!err.includes(secret.slice(0, 10)))
    assert.doesNotMatch(err, /\n\s+at /)
  }
})

test('on a terminal without a key it says what to do, and does not wait', () => {
  const { status, stdout } = spawnSync('script', ['-qec', `${wh} id`, '/dev/null'], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  assert.equal(status, 2)
  assert.match(stdout, /no key was given\r?\n {2}wh id KEY\r?\n {2}wh id < private\.key/)
})

test('no private key is ever taken for a public one: 1 in 16 looks like both, and then nothing is shown', () => {
  let unclear = 0
  for (let i = 0; i < 200; i++) {
    const key = new PrivateKey(randomBytes(32))
    try {
      assert.equal(publicKeyOfEither(key.reveal()), key.publicKey())
    } catch (error) {
      assert.match(String(error), /may be a public or a private key/)
      assert.ok(!String(error).includes(key.reveal().slice(0, 10)))
      unclear++
    }
    assert.equal(publicKeyOfEither(key.publicKey()), key.publicKey(), 'what `wh pubkey` prints is always clear')
  }
  // 12.5 expected; none in one of 400 000 runs
  assert.ok(unclear > 0 && unclear < 40, String(unclear))
})

test('a number that is neither is no key', () => {
  // u = 2 is on the curve's twist, and 2 is not clamped
  assert.throws(() => publicKeyOfEither(`Ag${'A'.repeat(41)}`), /not a key: no private key has this as its public key/)
})
