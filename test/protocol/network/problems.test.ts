import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { PrivateKey } from '../../../src/protocol/identity/key.ts'
import { parseNetworkFile } from '../../../src/protocol/network/parse.ts'
import { formatProblem, formatProblems } from '../../../src/protocol/network/problem.ts'
import { keys } from './samples.ts'

/** `problems.txt`: a title, the file with `| ` before each line, and below exactly what is printed. */
const cases = readFileSync(new URL('./problems.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split(/\n\n(?=## )/)

for (const text of cases) {
  const [title, ...rest] = text.split('\n')
  const [, syntax, what] = /^## (conf|yaml): (.+)$/.exec(title!)!
  test(`what is printed for ${what} (${syntax})`, () => {
    const file = `net.${syntax}`
    const source = rest.flatMap(line => (/^\|( |$)/.test(line) ? `${line.slice(2)}\n` : [])).join('')
    const expected = rest.filter(line => !/^\|( |$)/.test(line)).join('\n')
    const { network, problems } = parseNetworkFile(source, file)
    assert.equal(formatProblems(problems, file, source) || 'right', expected)
    assert.equal(network === null, /: error: /.test(expected))
  })
}

test('a file that is no text gives one error, however long it is', () => {
  const cases = [
    ['name n\0m\n', 'net.conf:1:7', '00'],
    ['name n\n\x1b[31m\n', 'net.yaml:2:1', '1b'],
    ['\ufeffname n\r\nx\x07'.repeat(1000), 'net.conf:2:2', '07'],
  ] as const
  for (const [source, place, code] of cases) {
    const file = place.split(':')[0]!
    const { network, problems } = parseNetworkFile(source, file)
    assert.equal(network, null)
    assert.equal(
      formatProblems(problems, file, source),
      `${place}: error: not a text file: it holds the character 0x${code}\n  is this the right file? A network file is text in UTF-8`,
    )
  }
})

test('a file of more than 16 MiB is refused unread', () => {
  const { problems } = parseNetworkFile('#'.repeat(16 * 1024 * 1024 + 1), 'net.conf')
  assert.equal(problems[0]!.message, '16777217 characters; a network file has at most 16777216')
})

test('a hundred thousand wrong lines give ten thousand problems and one more', () => {
  const { problems } = parseNetworkFile('x\n'.repeat(100_000), 'net.conf')
  assert.equal(problems.length, 10_001)
  assert.equal(problems.at(-1)!.message, 'more than 10000 problems of this kind; the rest is not shown')
})

test('the caret stands right behind tabs and characters of two units, and nothing steers the terminal', () => {
  const source = `name n\n\ttrust \u202ea.test ${keys[0]} 🙂 foo\n`
  const { problems } = parseNetworkFile(source, 'net.conf')
  assert.equal(
    formatProblem(problems.at(-1)!, 'net.conf', source).split('\n').slice(1, 3).join('\n'),
    `     trust \ufffda.test ${keys[0]} 🙂 foo\n${' '.repeat(65)}^`,
  )
})

test('a byte order mark and both line ends are read', () => {
  const { network, problems } = parseNetworkFile(`\ufeffname n\r\npeer ${keys[0]}\r\n`, 'net.conf')
  assert.deepEqual(
    problems,
    problems.filter(({ severity }) => severity === 'warning'),
  )
  assert.equal(network?.nodes.length, 1)
  const yaml = parseNetworkFile(`\ufeffname: n\r\nnodes:\r\n- role: peer\r\n  key: ${keys[0]}\r\n`, 'net.yaml')
  assert.equal(yaml.network?.nodes.length, 1)
})

// a private key that passes for a public one by chance (one in 16 does); only its work tells it
const secret = 'gC25CEiuuec8LfwFb8nQgZU3dCZLVlxj6-JHA-iJhnI'

test('a private key that could be a public one is told by the work of its public key', () => {
  const source = `name n\ntrust a ${secret} x:0\ntrust a ${keys[0]}\n`
  const { network, problems } = parseNetworkFile(source, 'net.conf')
  assert.equal(network, null)
  const shown = formatProblems(problems, 'net.conf', source)
  assert.match(shown, /^net.conf:2:9: error: a private key: the public key that belongs to it has the work/)
  assert.ok(!shown.includes(secret.slice(0, 8)) && !JSON.stringify(problems).includes(secret.slice(0, 8)))
})

test('a private key is printed nowhere, in whatever word of a file it stands', () => {
  const text = new PrivateKey(new Uint8Array(32).fill(7)).reveal()
  for (const line of [
    `${text}`,
    `name ${text}`,
    `trust ${text}`,
    `trust ${text} ${keys[1]}`,
    `trust ${keys[1]} ${text} a`,
  ]) {
    for (const file of ['net.conf', 'net.yaml']) {
      const { problems } = parseNetworkFile(`${line}\n`, file)
      assert.ok(problems.length > 0)
      assert.ok(!formatProblems(problems, file, line).includes(text.slice(0, 20)), line)
      assert.ok(!JSON.stringify(problems).includes(text.slice(0, 20)), line)
    }
  }
})
