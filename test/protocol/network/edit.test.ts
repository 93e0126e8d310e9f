import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddress } from '../../../src/base/ip.ts'
import { type Document, nodesOf } from '../../../src/protocol/network/document.ts'
import { appendNode, changeSetting, removeNode, replaceNode } from '../../../src/protocol/network/edit.ts'
import { formatYaml } from '../../../src/protocol/network/format.ts'
import { parseNetworkFile } from '../../../src/protocol/network/parse.ts'
import type { NodeEntry } from '../../../src/protocol/network/types.ts'
import { confFiles, keys } from './samples.ts'

const newcomer: NodeEntry = {
  role: 'trust',
  hostname: 'new.comer',
  address: '10.0.42.200',
  key: keys.at(-1)!,
  endpoint: { host: 'fd00::1', port: 62096 },
}

/** Removed and added lines. */
function difference(before: string, after: string): { gone: string[]; added: string[] } {
  const [a, b] = [before.split(/(?<=\n)/), after.split(/(?<=\n)/)]
  while (a.length > 0 && a[0] === b[0]) [a.shift(), b.shift()]
  while (a.length > 0 && a.at(-1) === b.at(-1)) [a.pop(), b.pop()]
  return { gone: a, added: b }
}

/** Both syntaxes of a file with at most 23 nodes and a subnet. */
const documents = fc
  .tuple(confFiles(true), fc.boolean())
  .map(([text, yaml]): { document: Document; file: string } => {
    const { document } = parseNetworkFile(text, 'n.conf')
    const file = yaml ? 'n.yaml' : 'n.conf'
    return { document: yaml ? parseNetworkFile(formatYaml(document), file).document : document, file }
  })
  .filter(({ document }) => nodesOf(document).length < 23 && document.lines.some(line => line.startsWith('subnet')))

test('an appended node is there, and every other line stays as it was', () => {
  fc.assert(
    fc.property(documents, ({ document, file }) => {
      const text = appendNode(document, newcomer)
      const { gone, added } = difference(document.lines.join(''), text)
      assert.deepEqual(gone, [])
      assert.ok(added.length <= 6)
      assert.deepEqual(parseNetworkFile(text, file).network?.nodes.at(-1), newcomer)
    }),
    { numRuns: 60 },
  )
})

test('a replaced node is another, and no other line changes', () => {
  fc.assert(
    fc.property(documents, fc.nat(), ({ document, file }, number) => {
      const nodes = nodesOf(document)
      if (nodes.length === 0) return
      const place = number % nodes.length
      const text = replaceNode(document, nodes[place]!, newcomer)
      const node = nodes[place]!
      const { gone } = difference(document.lines.join(''), text)
      assert.ok(gone.length <= node.to - node.from + 1)
      const before = parseNetworkFile(document.lines.join(''), file).network!
      assert.deepEqual(parseNetworkFile(text, file).network, { ...before, nodes: before.nodes.with(place, newcomer) })
    }),
    { numRuns: 60 },
  )
})

test('a removed node is gone, and only its lines are', () => {
  fc.assert(
    fc.property(documents, fc.nat(), ({ document, file }, number) => {
      const nodes = nodesOf(document)
      if (nodes.length === 0) return
      const place = number % nodes.length
      const text = removeNode(document, nodes[place]!)
      const before = parseNetworkFile(document.lines.join(''), file).network!
      assert.deepEqual(parseNetworkFile(text, file).network, { ...before, nodes: before.nodes.toSpliced(place, 1) })
      if (nodes.length > 1) assert.deepEqual(difference(document.lines.join(''), text).added, [])
    }),
    { numRuns: 60 },
  )
})

test('a changed word leaves the blanks and the comment of its line alone', () => {
  const text = `name n # n\r\ntrust  a.test\t${keys[0]}   # why\r\n`
  const { document, network } = parseNetworkFile(text, 'n.conf')
  const entry = { ...network!.nodes[0]!, key: keys[1]!, endpoint: { host: 'x', port: 1 } }
  const changed = replaceNode(document, nodesOf(document)[0]!, entry)
  assert.equal(changed, `name n # n\r\ntrust  a.test\t${keys[1]} x:1   # why\r\n`)
  assert.equal(
    changeSetting(document, 'subnet', '10.0.0.0/8'),
    `name n # n\r\nsubnet 10.0.0.0/8\r\ntrust  a.test\t${keys[0]}   # why\r\n`,
  )
  assert.ok(parseAddress('10.0.0.0'))
})

test('a node is appended behind a last line without an end, and to an empty list', () => {
  const entry: NodeEntry = { role: 'peer', key: keys[0]! }
  assert.equal(appendNode(parseNetworkFile('name n', 'n.conf').document, entry), `name n\npeer ${keys[0]}\n`)
  const yaml = `name: net\nnodes:\n  - role: peer\n    key: ${keys[0]}\n`
  for (const text of ['name: net', 'name: net\nnodes: []\n', 'name: net\nnodes:\n']) {
    assert.equal(appendNode(parseNetworkFile(text, 'n.yaml').document, entry), yaml)
  }
})

test('YAML in flow style becomes canonical when it is edited', () => {
  const text = `{name: net, nodes: [{role: peer, key: ${keys[0]}}]} # all\n`
  const { document } = parseNetworkFile(text, 'n.yaml')
  const appended = parseNetworkFile(appendNode(document, { role: 'peer', key: keys[1]! }), 'n.yaml')
  assert.deepEqual(
    appended.network?.nodes.map(({ key }) => key),
    [keys[0], keys[1]],
  )
  const node = nodesOf(document)[0]!
  assert.equal(removeNode(document, node), 'name: net  # all\n')
})
