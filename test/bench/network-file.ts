/**
 * How long a network file of 10 000 members takes, step by step, against the floor: cutting the text into lines and decoding
 * the keys, which any reader has to do.
 */

import { generateKeyPairSync } from 'node:crypto'
import { readPublicKey } from '../../src/protocol/identity/key.ts'
import { workbitOf } from '../../src/protocol/identity/workbit.ts'
import { formatConf, formatYaml } from '../../src/protocol/network/format.ts'
import { members } from '../../src/protocol/network/members.ts'
import { parseNetworkFile } from '../../src/protocol/network/parse.ts'
import { readTree } from '../../src/protocol/network/yaml-tree.ts'

const count = 10_000
const rounds = 5

export async function run(): Promise<void> {
  const keys = Array.from({ length: count }, randomKey)
  const conf = networkText(keys)
  const { network, document } = parseNetworkFile(conf, 'bench.conf')
  if (!network) throw new TypeError('the file of the bench is wrong')
  const yaml = formatYaml(document)

  const floor = median(() =>
    conf.split('\n').map((line, i) => Buffer.from(line.split(' ').at(i % 4 === 0 ? -2 : -1) ?? '', 'base64url')),
  )
  const parse = median(() => parseNetworkFile(conf, 'bench.conf'))
  const check = median(() => keys.map(readPublicKey))
  const work = median(() => network.nodes.map(({ key }) => workbitOf(key, network.namespace)))
  const rows: [string, number, string][] = [
    ['floor: cut lines, decode keys', floor, ''],
    ['parse conf', parse, `${(conf.length / 1e6).toFixed(1)} MB`],
    ['  of it: checking keys', check, percent(check, parse)],
    ['  of it: counting workbits', work, percent(work, parse)],
    ['  of it: everything else', parse - check - work, percent(parse - check - work, parse)],
    ['parse yaml', median(() => parseNetworkFile(yaml, 'bench.yaml')), `${(yaml.length / 1e6).toFixed(1)} MB`],
    ['  of it: YAML itself', median(() => readTree(yaml, () => {})), ''],
    ['members with addresses', median(() => members(network)), ''],
    ['format conf', median(() => formatConf(document)), ''],
    ['format yaml', median(() => formatYaml(document)), ''],
  ]
  console.log(`network file of ${count} members (median of ${rounds})`)
  for (const [step, time, note] of rows) {
    const ratio = `${(time / floor).toFixed(0)}x`
    console.log(`  ${step.padEnd(32)}${time.toFixed(1).padStart(8)} ms ${ratio.padStart(6)} floor  ${note}`.trimEnd())
  }
}

function networkText(keys: readonly string[]): string {
  const lines = keys.map((key, i) => {
    const address = i % 16 === 0 ? ` 10.42.${156 + (i >> 8)}.${i & 255}` : ''
    const endpoint = i % 4 === 0 ? ` host-${i}.example.org:4242` : ''
    return `trust host-${i}.bench.test${address} ${key}${endpoint}`
  })
  return ['name bench', 'subnet 10.42.0.0/16', 'workbit 0', '', ...lines, ''].join('\n')
}

function randomKey(): string {
  return generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x!
}

function median(step: () => unknown): number {
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now()
    step()
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[rounds >> 1]!
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(0)} %`
}
