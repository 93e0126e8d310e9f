import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Document, documentOf, documentText } from '../../../src/protocol/network/document.ts'
import { formatConf, formatYaml, scalar } from '../../../src/protocol/network/format.ts'
import { parseNetworkFile } from '../../../src/protocol/network/parse.ts'
import { commentsOf, confFiles, keys, networks } from './samples.ts'

const forms: [string, (document: Document) => string][] = [
  ['net.conf', formatConf],
  ['net.yaml', formatYaml],
]

for (const [file, format] of forms) {
  test(`parse(format(network)) is the network: ${file}`, () => {
    fc.assert(
      fc.property(networks, network => {
        const { network: read, problems } = parseNetworkFile(format(documentOf(network)), file)
        assert.deepEqual(
          problems.filter(({ severity }) => severity === 'error'),
          [],
        )
        assert.deepEqual(read, network)
      }),
      { numRuns: 150 },
    )
  })

  test(`formatting what was formatted changes nothing: ${file}`, () => {
    fc.assert(
      fc.property(confFiles(false), text => {
        const once = format(parseNetworkFile(text, 'net.conf').document)
        assert.equal(format(parseNetworkFile(once, file).document), once)
      }),
      { numRuns: 150 },
    )
  })
}

test('formatting changes neither the network nor the comments', () => {
  fc.assert(
    fc.property(confFiles(false), text => {
      const before = parseNetworkFile(text, 'net.conf')
      assert.ok(before.network)
      assert.equal(documentText(before.document), text)
      for (const [file, format] of forms) {
        const after = parseNetworkFile(format(before.document), file)
        assert.deepEqual(after.network, before.network)
        assert.deepEqual(commentsOf(after.document.items), commentsOf(before.document.items))
      }
    }),
    { numRuns: 150 },
  )
})

test('a file with its settings above its nodes comes back from YAML as it was', () => {
  fc.assert(
    fc.property(confFiles(true), text => {
      const { document } = parseNetworkFile(text, 'net.conf')
      const back = parseNetworkFile(formatYaml(document), 'net.yaml')
      assert.equal(formatConf(back.document), formatConf(document))
    }),
    { numRuns: 150 },
  )
})

test('nodes that follow one another share columns, and a comment between them parts them', () => {
  const text = [
    'name  n\t# why',
    '',
    '',
    `boot ${keys[0]} vps.test:62096`,
    `trust ${keys[1]}= 1.2.3.4:9 # one`,
    `trust longer.test ${keys[2]} # two`,
    '# apart',
    `peer ${keys[3]}`,
    '',
  ].join('\n')
  const wanted = [
    'name n  # why',
    '',
    `boot              ${keys[0]} vps.test`,
    `trust             ${keys[1]} 1.2.3.4:9  # one`,
    `trust longer.test ${keys[2]}            # two`,
    '# apart',
    `peer ${keys[3]}`,
    '',
  ].join('\n')
  assert.equal(formatConf(parseNetworkFile(text, 'net.conf').document), wanted)
})

test('a setting among the nodes moves above them in YAML, with the comment above it', () => {
  const text = ['name net', `peer ${keys[0]}`, '# why', 'workbit 0 # none', '# next', `peer ${keys[1]}`, ''].join('\n')
  const wanted = [
    'name: net',
    '# why',
    'workbit: 0  # none',
    'nodes:',
    '  - role: peer',
    `    key: ${keys[0]}`,
    '  # next',
    '  - role: peer',
    `    key: ${keys[1]}`,
    '',
  ].join('\n')
  assert.equal(formatYaml(parseNetworkFile(text, 'net.conf').document), wanted)
})

test('several comments behind the lines of one YAML node go above its line', () => {
  const text = ['name: n', 'nodes: # all', '  - role: peer # r', '    # k', `    key: ${keys[0]} # z`, ''].join('\n')
  assert.equal(
    formatConf(parseNetworkFile(text, 'n.yaml').document),
    ['name n', '# all', '# r', '# k', '# z', `peer ${keys[0]}`, ''].join('\n'),
  )
})

test('YAML scalars are quoted where another reader of YAML could take them for something else', () => {
  const plain = ['a.test', '8', '10.0.42.1', '1.2.3.4:62096', keys[0]!]
  for (const text of plain) assert.equal(scalar(text), text)
  for (const text of [
    'true',
    'No',
    '1e5',
    '0x10',
    '123',
    '1.5',
    '2024-01-01',
    '[fd00::1]:9',
    '-a',
    "it's",
    '12:30',
    '',
  ]) {
    assert.equal(scalar(text), `'${text.replace("'", "''")}'`)
  }
})

test('every example is read without a remark, and is in its canonical form', () => {
  for (const file of ['announcement.conf', 'boot.conf', 'home.conf', 'home.yaml']) {
    const text = readFileSync(new URL(`../../../config/examples/${file}`, import.meta.url), 'utf8')
    const { network, document, problems } = parseNetworkFile(text, file)
    assert.deepEqual(problems, [], file)
    assert.ok(network, file)
    if (file !== 'announcement.conf') assert.equal((file.endsWith('yaml') ? formatYaml : formatConf)(document), text)
  }
})
