import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../bin/wh', import.meta.url))
const examples = fileURLToPath(new URL('../../config/examples', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'wh-check-'))
after(() => rmSync(dir, { recursive: true }))

function check(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(bin, ['check', ...args], { cwd: dir, encoding: 'utf8' })
}

test('the members of a right file are shown as a table', () => {
  const { status, stdout, stderr } = check(join(examples, 'announcement.conf'))
  assert.equal(stderr, '')
  assert.equal(status, 0)
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map(line => line.split(/ {2,}/))
  assert.deepEqual(
    rows.map(row => row.with(2, 'v6')),
    [
      ['HOSTNAME', 'IPV4', 'v6', 'KEY', 'WORKBIT', 'ENDPOINT'],
      ['a.test', '10.0.42.2', 'v6', 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4', '8', '-'],
      ['b.test', '10.0.42.3', 'v6', 'eIix5ldvqDzOIrG9ViKTe9TSBlF4g9nUwKi20C06hFM', '8', '12.34.56.78'],
      ['c.test', '10.0.42.254', 'v6', 'kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F_k4mhI_Hs', '8', '-'],
    ],
  )
})

test('all errors of a wrong file are shown at once, and the status is 1', () => {
  const text = readFileSync(join(examples, 'announcement.conf'), 'utf8')
  writeFileSync(
    join(dir, 'net.conf'),
    text.replace('agW4', 'agW').replace('10.0.42.254', '10.0.43.254').replace('\nboot', '\nboots'),
  )
  const { status, stdout, stderr } = check('net.conf')
  assert.equal(stdout, '')
  assert.equal(status, 1)
  assert.deepEqual(
    stderr.split('\n').filter(line => /^net|^\d/.test(line)),
    [
      'net.conf:6:1: error: unknown directive "boots"',
      'net.conf:11:14: error: not a key: 42 characters; a key has 43, or 44 with the closing =',
      'net.conf:20:14: error: 10.0.43.254 lies outside the subnet 10.0.42.0/24',
      '3 errors in net.conf',
    ],
  )
})

test('warnings are shown, and do not fail', () => {
  writeFileSync(join(dir, 'warn.conf'), 'name n\nworkbit 16\ntrust KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4\n')
  const { status, stderr } = check('warn.conf')
  assert.equal(status, 0)
  assert.match(stderr, /^warn.conf:3:7: warning: the key has 8 workbits, and the network asks for 16/)
})

test('json has the network, its members and the problems', () => {
  const right = check(join(examples, 'home.yaml'), 'json')
  const { ok, network, members, problems } = JSON.parse(right.stdout)
  assert.deepEqual([ok, network.name, members.length, members[0].ipv4, problems], [true, 'home', 3, '10.7.0.1', []])
  writeFileSync(join(dir, 'wrong.conf'), 'name n\nworkbit x\n')
  const wrong = check('wrong.conf', '--json')
  assert.equal(wrong.status, 1)
  assert.deepEqual(JSON.parse(wrong.stdout), {
    ok: false,
    network: null,
    members: [],
    problems: [
      {
        severity: 'error',
        line: 2,
        column: 9,
        length: 1,
        message: 'not a workbit: "x" is not a number from 0 to 64',
        hint: 'write, for example: workbit 8',
      },
    ],
  })
})

test('a file that cannot be read says why', () => {
  assert.deepEqual([check('none.conf').stderr, check('none.conf').status], ['wh check: none.conf does not exist\n', 1])
  assert.match(check('.').stderr, /^wh check: \. is a directory\n/)
  writeFileSync(join(dir, 'latin1.conf'), Buffer.from('name n\n# caf\xe9\n', 'latin1'))
  assert.match(check('latin1.conf').stderr, /^wh check: latin1.conf:2: not text: bytes that are not UTF-8\n/)
  assert.equal(check().status, 2)
})

test('a file that may not be read says so', { skip: process.getuid?.() === 0 && 'root reads everything' }, () => {
  writeFileSync(join(dir, 'locked.conf'), '')
  chmodSync(join(dir, 'locked.conf'), 0)
  assert.match(check('locked.conf').stderr, /^wh check: locked.conf may not be read\n/)
})

test('a pipe is read', () => {
  const { status, stdout } = spawnSync('sh', ['-c', `echo 'name n' | "$0" check /dev/stdin`, bin], { encoding: 'utf8' })
  assert.deepEqual([status, stdout], [0, 'no members\n'])
})
