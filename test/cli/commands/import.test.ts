import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { client, hub, keys, psk, secret } from '../../protocol/wg-quick/samples.ts'

const bin = fileURLToPath(new URL('../../../bin/wh', import.meta.url))

let dir: string
const at = (name: string) => join(dir, name)
const read = (name: string) => readFileSync(at(name), 'utf8')
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wh-import-'))
  writeFileSync(at('wg0.conf'), hub)
})
afterEach(() => rmSync(dir, { recursive: true }))

const wh = (...args: string[]) => spawnSync(bin, args, { cwd: dir, encoding: 'utf8' })
const importing = (...args: string[]) => wh('import', ...args)

const file = `name wg0
subnet 10.8.0.0/24
workbit 0  # the least that the imported keys have

trust hub.wg0        10.8.0.1 ${keys[0]} vpn.example.org:51820
trust alice.wg0      10.8.0.2 ${keys[1]}
trust bobs-phone.wg0 10.8.0.3 ${keys[2]} bob.example.org:4000
trust peer3.wg0               ${keys[3]}
`

test('the network file is printed alone, what is lost goes to standard error, and no secret to either', () => {
  const done = importing('wg0.conf', 'hostname', 'hub', 'endpoint', 'vpn.example.org')
  assert.equal(done.status, 0)
  assert.equal(done.stdout, file)
  assert.match(done.stderr, /^wg0\.conf:3:24: warning: IPv6 addresses of the tunnel are not carried over/)
  assert.match(done.stderr, /\n {4}PresharedKey = \/Uwc\*+\n/)
  for (const word of [psk, secret[0]!]) assert.ok(!`${done.stdout}${done.stderr}`.includes(word.slice(5)))
  assert.deepEqual(readdirSync(dir), ['wg0.conf'])
})

test('wh check takes the result; the network has the name of the file, or the one that is given', () => {
  assert.equal(importing('wg0.conf', 'output', 'a.conf').status, 0)
  assert.equal(importing('wg0.conf', 'name', 'home', '-o', 'b.conf').status, 0)
  for (const name of ['a.conf', 'b.conf']) {
    const { status, stderr } = wh('check', name)
    assert.deepEqual([status, stderr], [0, ''])
    const { stdout } = wh('fmt', name)
    assert.equal(stdout, read(name))
  }
  assert.match(read('a.conf'), /^name wg0\n/)
  assert.match(read('b.conf'), /^name home\n[\s\S]*trust alice\.home /)
  const self = hostname().split('.')[0]!.toLowerCase()
  assert.ok(read('a.conf').includes(`trust ${self}.wg0 `), read('a.conf'))
})

test('the private key goes into a file of its own, for its owner alone', () => {
  const { status, stdout, stderr } = importing('wg0.conf', 'private-key-out', 'private.key', 'output', 'net.conf')
  assert.deepEqual([status, stdout, read('private.key')], [0, '', `${secret[0]}\n`])
  assert.equal(statSync(at('private.key')).mode & 0o777, 0o600)
  assert.match(stderr, /\nwrote net\.conf\nwrote private\.key\n$/)
  assert.equal(wh('check', 'net.conf').status, 0)
})

test('nothing is overwritten, and then nothing is written', () => {
  writeFileSync(at('net.conf'), 'mine')
  const first = importing('wg0.conf', 'private-key-out', 'private.key', 'output', 'net.conf')
  assert.deepEqual([first.status, first.stdout], [1, ''])
  assert.equal(
    first.stderr,
    'wh import: net.conf exists already, and is left as it is\n  remove it, or name another file\n',
  )
  assert.deepEqual([read('net.conf'), existsSync(at('private.key'))], ['mine', false])
  writeFileSync(at('private.key'), 'mine')
  const second = importing('wg0.conf', 'private-key-out', 'private.key')
  assert.deepEqual([second.status, second.stdout, read('private.key')], [1, '', 'mine'])
})

test('a file with errors is refused with all of them, and nothing is written', () => {
  writeFileSync(at('wg0.conf'), hub.replace('MTU', 'MTUU').replace('10.8.0.3/32', '10.8.0.333'))
  const { status, stdout, stderr } = importing('wg0.conf', 'output', 'net.conf', 'private-key-out', 'private.key')
  assert.deepEqual([status, stdout, readdirSync(dir)], [1, '', ['wg0.conf']])
  assert.match(
    stderr,
    /^wg0\.conf:6:1: error: unknown key "MTUU" in \[Interface\]\n {4}MTUU = 1380\n {4}\^\n {2}write: MTU = …\n/,
  )
  assert.match(stderr, /\nwg0\.conf:20:14: error: AllowedIPs is not an IP address [\s\S]*\n2 errors in wg0\.conf\n$/)
})

test('as JSON: network, file and problems', () => {
  const { status, stdout } = importing('wg0.conf', 'json')
  const { ok, network, file, problems } = JSON.parse(stdout)
  assert.deepEqual([status, ok, network.nodes.length], [0, true, 4])
  assert.match(file, /^name wg0\n/)
  assert.ok(problems.some((problem: { line: number }) => problem.line === 20))
  assert.ok(!stdout.includes(psk) && !stdout.includes(secret[0]!))
  writeFileSync(at('wg0.conf'), '')
  const wrong = importing('wg0.conf', 'json')
  const answer = JSON.parse(wrong.stdout)
  assert.deepEqual([wrong.status, answer.ok, answer.network, answer.file], [1, false, null, null])
})

test('neither root nor a daemon is needed', () => {
  chmodSync(dir, 0o755)
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const { status, stdout } = spawnSync(bin, ['import', 'wg0.conf'], { cwd: dir, encoding: 'utf8', ...user })
  assert.deepEqual([status, stdout.split('\n')[0]], [0, 'name wg0'])
})

test('a file that is not there, and one that is no text', () => {
  const { status, stderr } = importing('wg1.conf')
  assert.deepEqual([status, stderr], [1, 'wh import: wg1.conf does not exist\n'])
  writeFileSync(at('wg1.conf'), Buffer.from([0xff, 0xfe]))
  assert.match(
    importing('wg1.conf').stderr,
    /^wh import: wg1\.conf:1: not text: [\s\S]*a wg-quick file is text in UTF-8/,
  )
})

test('words that are wrong are mistakes in the command line', () => {
  writeFileSync(at('all.conf'), client)
  const table: [string[], RegExp][] = [
    [['all.conf'], /^wh import: the name of all\.conf is no name for a network: [^\n]*\n {2}give one: name NAME\n$/],
    [['wg0.conf', 'name', 'a b'], /^wh import: name: " " is not a letter/],
    [['wg0.conf', 'endpoint', 'a:b:c'], /^wh import: endpoint: "a:b:c" is not an IPv6 address\n$/],
    [['wg0.conf', 'hostname', 'a_b'], /^wh import: hostname: "_" is not a letter/],
    [['wg0.conf', 'json', 'output', 'x'], /^wh import: json prints, so it does not go together with output\n$/],
  ]
  for (const [args, said] of table) {
    const { status, stdout, stderr } = importing(...args)
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, said)
  }
})
