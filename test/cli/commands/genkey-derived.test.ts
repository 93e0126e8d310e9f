// Keys from other keys, with real ssh-keygen, ssh-agent and terminals.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { base64, hex } from '@scure/base'

const missing = ['ssh-keygen', 'ssh-agent', 'script'].filter(name => spawnSync(name, ['--version']).error !== undefined)
const skip = missing.length === 0 ? false : `${missing.join(', ')} missing: run bin/setup test`

const wh = fileURLToPath(new URL('../../../bin/wh', import.meta.url))
const vectors = JSON.parse(readFileSync(new URL('../../vectors/derived.json', import.meta.url), 'utf8'))
const home = mkdtempSync(join(tmpdir(), 'wh-derived-'))
const inHome = (name: string) => join(home, name)
const agents: number[] = []
after(async () => {
  for (const pid of agents) process.kill(pid)
  // an agent removes its socket when it ends; two who remove at once disturb one another
  const ended = () => agents.every((_, i) => !existsSync(inHome(`agent-${i}`)))
  for (let i = 0; i < 500 && !ended(); i++) await new Promise(resolve => setTimeout(resolve, 10))
  rmSync(home, { recursive: true })
})

const { SSH_AUTH_SOCK: _, ...bare } = process.env
const env = { ...bare, HOME: home }

function run(argv: string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}) {
  const { status, stdout, stderr } = spawnSync(wh, argv, { input: '', encoding: 'utf8', cwd: home, env, ...options })
  return { status, out: stdout, err: stderr }
}

function keygen(...argv: string[]): void {
  const { status, stderr } = spawnSync('ssh-keygen', ['-q', ...argv], { encoding: 'utf8', cwd: home })
  assert.equal(status, 0, stderr)
}

function startAgent(...keys: string[]): NodeJS.ProcessEnv {
  const { stdout } = spawnSync('ssh-agent', ['-s', '-a', inHome(`agent-${agents.length}`)], { encoding: 'utf8' })
  agents.push(Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)![1]))
  const withAgent = { ...env, SSH_AUTH_SOCK: /SSH_AUTH_SOCK=([^;]+)/.exec(stdout)![1] }
  for (const key of keys) assert.equal(spawnSync('ssh-add', ['-q', key], { cwd: home, env: withAgent }).status, 0, key)
  return withAgent
}

/** Runs a command on a terminal of its own; `type` is what a person types, once `until` is to be seen. */
async function onTerminal(command: string, until: RegExp, type: string): Promise<{ seen: string; status: number }> {
  const child = spawn('script', ['-qefc', command, '/dev/null'], { cwd: home, env, stdio: ['pipe', 'pipe', 'inherit'] })
  let seen = ''
  let typed = false
  child.stdout.on('data', data => {
    seen += data
    if (typed || !until.test(seen)) return
    typed = true
    child.stdin.write(type)
  })
  const status = await new Promise<number>(resolve => child.on('close', resolve))
  return { seen, status }
}

/** An SSH key of a vector, as ssh-keygen would have written it. */
function writeKey(path: string, { secret, public: key }: { secret: string; public: string }): void {
  const field = (bytes: Uint8Array | string) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(Buffer.from(bytes).length)
    return Buffer.concat([length, Buffer.from(bytes)])
  }
  const blob = Buffer.concat([field('ssh-ed25519'), field(hex.decode(key))])
  const pair = Buffer.concat([hex.decode(secret), hex.decode(key)])
  const inside = Buffer.concat([Buffer.alloc(8), blob, field(pair), field('vector'), Buffer.of(1, 2, 3, 4, 5, 6, 7, 8)])
  const padded = inside.subarray(0, inside.length - (inside.length % 8))
  const parts = ['none', 'none', ''].map(field)
  const body = Buffer.concat(
    ['openssh-key-v1\0', ...parts, Buffer.of(0, 0, 0, 1), field(blob), field(padded)].map(it =>
      Buffer.from(it as string),
    ),
  )
  const lines = base64.encode(body).replace(/.{70}/g, '$&\n')
  const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`
  writeFileSync(path, text, { mode: 0o600 })
}

if (!skip) {
  mkdirSync(inHome('.ssh'))
  writeKey(inHome('.ssh/id_ed25519'), vectors.ssh[0])
  // a file that ssh-keygen does not take would be a mistake of this test
  writeFileSync(inHome('id.pub'), spawnSync('ssh-keygen', ['-yf', inHome('.ssh/id_ed25519')]).stdout)
  copyFileSync(inHome('.ssh/id_ed25519'), inHome('locked'))
  keygen('-p', '-N', 'pass word', '-f', 'locked')
  keygen('-t', 'rsa', '-N', '', '-f', 'rsa')
  keygen('-t', 'ed25519', '-N', 'x', '-Z', 'aes256-gcm@openssh.com', '-f', 'gcm')
  writeFileSync(inHome('net.conf'), 'name test\nnamespace example\nworkbit 8\n')
}

const ofVector = (namespace: string, label: string, workbit = 8) =>
  `${vectors.keys.find((it: Record<string, unknown>) => it.root === vectors.ssh[0].root && it.namespace === namespace && it.label === label && it.workbit === workbit).private}\n`

test('a key from the usual file, from a named one, for a network, with a label', { skip }, () => {
  for (const [argv, expected] of [
    [['workbit', '8'], ofVector('public', '')],
    [[], ofVector('public', '')],
    [['workbit', '14', 'threads', '2'], ofVector('public', '', 14)],
    [['.ssh/id_ed25519', 'label', 'laptop'], ofVector('public', 'laptop')],
    [['.ssh/id_ed25519', 'net.conf'], ofVector('example', '')],
  ] as [string[], string][]) {
    assert.deepEqual(run(['genkey', 'ssh', ...argv]), { status: 0, out: expected, err: '' })
  }
})

test('a file with a passphrase: from a pipe, and on a terminal, where it is not shown', { skip }, async () => {
  const expected = ofVector('public', '')
  assert.deepEqual(run(['genkey', 'ssh', 'locked'], { input: 'pass word\n' }), { status: 0, out: expected, err: '' })
  const wrong = run(['genkey', 'ssh', 'locked'], { input: 'pass' })
  assert.deepEqual(wrong, { status: 1, out: '', err: 'wh genkey: wrong passphrase for locked\n' })
  assert.match(run(['genkey', 'ssh', 'locked']).err, /nothing on standard input, where the passphrase of locked was/)

  // a slip, and Backspace
  const { seen, status } = await onTerminal(
    `${wh} genkey ssh locked > out`,
    /passphrase of locked: $/,
    'pass worx\x7fd\r',
  )
  assert.equal(status, 0, seen)
  assert.equal(readFileSync(inHome('out'), 'utf8'), expected)
  assert.doesNotMatch(seen, /wor/)
  const stopped = await onTerminal(`${wh} genkey ssh locked > out`, /passphrase of locked: $/, 'pa\x03')
  assert.equal(stopped.status, 130)
  assert.equal(readFileSync(inHome('out'), 'utf8'), '')
})

test('what is no Ed25519 key in a file is refused with the reason', { skip }, () => {
  const text = readFileSync(inHome('.ssh/id_ed25519'), 'utf8')
  const put = (name: string, text: string, mode = 0o600) => {
    writeFileSync(inHome(name), text)
    chmodSync(inHome(name), mode)
  }
  put('cut', text.slice(0, 200))
  put('odd', text.replace('\n', '\n*'))
  put('open', text, 0o640)
  // another private key behind the public one
  const lines = text.split('\n')
  put(
    'other',
    text.replace(
      lines[3]!,
      lines[3]!.replace(/^.{40}/, it => it.toLowerCase()),
    ),
  )
  for (const [argv, reason] of [
    [['none'], /^wh genkey: none does not exist\n {2}name the file .*wh genkey ssh agent/],
    [['.'], /\. is a directory/],
    [['rsa'], /rsa cannot be taken: a key of type "ssh-rsa"; only "ssh-ed25519"/],
    [['id.pub'], /id\.pub cannot be taken: a public key, which has no secret\n.*wh genkey ssh agent id\.pub/],
    [['net.conf'], /net\.conf cannot be taken: line 1 is not .*\n.*wh genkey ssh ~\/\.ssh\/id_ed25519 net\.conf/],
    [['cut'], /cut cannot be taken: line \d, the last, is not .*: the file is cut off/],
    [['odd'], /odd cannot be taken: line 2 is not base64/],
    [['open'], /others can read the private key open \(mode 0640\)\n {2}chmod 600 open/],
    [['other'], /other is damaged/],
    [['gcm'], /gcm is encrypted with "aes256-gcm@openssh\.com", which wh cannot read/],
  ] as [string[], RegExp][]) {
    const { status, out, err } = run(['genkey', 'ssh', ...argv])
    assert.deepEqual([status, out], [1, ''], err)
    assert.match(err, reason)
    assert.doesNotMatch(err, /\n\s+at /)
  }
})

test('an agent makes the same key as the file', { skip }, () => {
  const one = startAgent('.ssh/id_ed25519', 'rsa')
  const expected = ofVector('public', '')
  assert.deepEqual(run(['genkey', 'ssh', 'agent'], { env: one }), { status: 0, out: expected, err: '' })
  assert.equal(run(['genkey', 'ssh', 'agent', 'id.pub', 'net.conf'], { env: one }).out, ofVector('example', ''))
  keygen('-t', 'ed25519', '-N', '', '-f', 'second', '-C', 'the second')
  assert.equal(spawnSync('ssh-add', ['-q', 'second'], { cwd: home, env: one }).status, 0)
  assert.equal(run(['genkey', 'ssh', 'agent', 'id.pub'], { env: one }).out, expected)
  const unclear = run(['genkey', 'ssh', 'agent'], { env: one })
  assert.equal(unclear.status, 2)
  assert.match(unclear.err, /has 2 Ed25519 keys: .*"the second"/)

  const sk = `sk-ssh-ed25519@openssh.com ${base64.encode(Buffer.from(`\0\0\0\x1ask-ssh-ed25519@openssh.com\0\0\0\x01k`))}\n`
  writeFileSync(inHome('sk.pub'), sk)
  const empty = startAgent()
  const gone = { ...env, SSH_AUTH_SOCK: inHome('gone') }
  for (const [argv, env_, reason] of [
    [['rsa.pub'], one, /"ssh-rsa"/],
    [['sk.pub'], one, /a security key \("sk-ssh-ed25519@openssh\.com"\): it counts its signatures/],
    [['second'], one, /second cannot be taken/],
    [['none.pub'], one, /none\.pub does not exist/],
    [[], empty, /has no Ed25519 key/],
    [['id.pub'], empty, /does not have this key; it has 0 keys/],
    [[], gone, /no ssh-agent listens at .*gone/],
    [[], env, /no ssh-agent: SSH_AUTH_SOCK is not set/],
  ] as [string[], NodeJS.ProcessEnv, RegExp][]) {
    const { status, out, err } = run(['genkey', 'ssh', 'agent', ...argv], { env: env_ })
    assert.deepEqual([status, out], [1, ''], err)
    assert.match(err, reason)
  }
})

test('a phrase is shown on a terminal, and its words give the key again', { skip }, async () => {
  const { seen, status } = await onTerminal(`${wh} genkey phrase workbit 9 label desk > out`, /never/, '')
  assert.equal(status, 0, seen)
  const secret = readFileSync(inHome('out'), 'utf8')
  assert.match(secret, /^[A-Za-z0-9+/]{43}=\n$/)
  const table = seen.split(/\r?\n/).filter(line => /^ +\d+ [a-z]+ /.test(line))
  assert.equal(table.length, 6)
  const command = /^ {2}wh (genkey phrase restore .*?)\r?$/m.exec(seen)![1]!
  assert.equal(command, 'genkey phrase restore workbit 9 label desk')
  assert.deepEqual(run(command.split(' '), { input: table.join('\n') }), { status: 0, out: secret, err: '' })
  assert.notEqual(run(['genkey', 'phrase', 'restore', 'workbit', '9'], { input: table.join('\n') }).out, secret)
})

test('the phrase of a vector; words that are none', () => {
  const { words, root } = vectors.phrases[3]
  const { private: secret } = vectors.keys.find((it: Record<string, unknown>) => it.root === root && it.workbit === 16)
  const restore = ['genkey', 'phrase', 'restore', 'workbit', '16']
  assert.deepEqual(run(restore, { input: words }), { status: 0, out: `${secret}\n`, err: '' })
  for (const [input, reason] of [
    [words.replace(/^\w+/, 'abandn'), /not a phrase: word 1, "abandn", is not in the list; near it: abandon/],
    [words.replace(/^\w+ /, ''), /not a phrase: 23 words; a phrase has 24/],
    [words.replace(/^\w+/, 'zoo'), /not a phrase: the checksum is wrong/],
  ]) {
    const { status, out, err } = run(restore, { input })
    assert.deepEqual([status, out], [1, ''])
    assert.match(err, reason)
  }
})

test('what makes no sense is refused', () => {
  for (const [argv, reason] of [
    [['phrase'], /standard error is not a terminal/],
    [['phrase', 'restore'], /nothing on standard input, where a phrase of 24 words was expected/],
    [['ssh', 'phrase'], /not from both/],
    [['agent'], /agent means something with ssh only/],
    [['restore'], /restore means something with phrase only/],
    [['label', 'x'], /label means something with ssh or phrase only/],
    [['ssh', 'label', 'My laptop'], /label: "My laptop" is not 1 to 63/],
    [['a.conf', 'b.conf'], /one file too many: "b\.conf"/],
  ] as [string[], RegExp][]) {
    const { status, out, err } = run(['genkey', ...argv])
    assert.deepEqual([status, out], [2, ''], err)
    assert.match(err, reason)
  }
})
