// The house, checked: who may import whom, who may touch the machine, how a module opens, how long it may be.
// docs/architecture.md explains the table; this is the table.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

// Read it downwards: nobody imports what stands below it.
const MAY: Record<string, string[]> = {
  base: [],
  protocol: ['base'],
  os: ['base'],
  drivers: ['base', 'protocol', 'os'],
  node: ['base', 'protocol', 'os', 'drivers'],
  sim: ['base', 'protocol', 'os', 'drivers', 'node'],
  api: ['base', 'protocol'],
  daemon: ['base', 'protocol', 'os', 'drivers', 'node', 'api'],
  cli: ['base', 'protocol', 'os', 'drivers', 'node', 'sim', 'api', 'daemon'],
  wasm: [],
}

/** Packages of others, each with the rings that may use it. docs/development.md has the reasons. */
const PACKAGES: Record<string, string[]> = {
  'ipaddr.js': ['base', 'protocol'],
  '@noble/curves': ['protocol'],
  '@noble/hashes': ['protocol'],
  '@scure/base': ['protocol'],
  '@scure/bip39': ['protocol'],
  'fastest-levenshtein': ['protocol'],
  'js-yaml': ['protocol'],
  'micro-packed': ['protocol', 'drivers/portmap'],
  koffi: ['os'],
  sshpk: ['os'],
  ws: ['os'],
  'https-proxy-agent': ['os'],
  'proxy-from-env': ['os'],
  '@peculiar/x509': ['os'],
  'reflect-metadata': ['os'],
  pcap: ['os'],
  libp2p: ['drivers/dht'],
  '@libp2p/kad-dht': ['drivers/dht'],
  '@chainsafe/libp2p-noise': ['drivers/dht'],
  '@libp2p/yamux': ['drivers/dht'],
  '@libp2p/identify': ['drivers/dht'],
  '@libp2p/ping': ['drivers/dht'],
  '@libp2p/tcp': ['drivers/dht'],
  '@libp2p/websockets': ['drivers/dht'],
  '@libp2p/webrtc': ['drivers/dht'],
  '@libp2p/interface': ['drivers/dht'],
  '@libp2p/utils': ['drivers/dht'],
  '@libp2p/crypto': ['drivers/dht'],
  '@libp2p/peer-id': ['drivers/dht'],
  '@multiformats/multiaddr': ['drivers/dht'],
  uint8arraylist: ['drivers/dht'],
  'interface-datastore': ['drivers/dht'],
  'datastore-core': ['drivers/dht'],
  'datastore-level': ['drivers/dht'],
  'dns-packet': ['drivers/dns'],
  '@rgrove/parse-xml': ['drivers/portmap'],
  zod: ['api', 'daemon'],
  '@oclif/core': ['cli'],
  uqr: ['cli'],
}

/** The rings that may use the machine directly. */
const MACHINE = ['os', 'daemon', 'cli']
const AMBIENT =
  /\b(Date\.now|new Date\(|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|process\.|fetch\()/
/** What a ring may not touch by itself, though no import shows it. */
const FORBIDDEN: Record<string, RegExp[]> = {
  base: [AMBIENT, /\b(crypto\.(subtle|getRandomValues|randomUUID)|Buffer\b)/],
  protocol: [AMBIENT, /\b(crypto\.(subtle|getRandomValues|randomUUID)|Buffer\b)/],
  drivers: [AMBIENT],
  node: [AMBIENT],
  sim: [AMBIENT],
  api: [AMBIENT],
}

const src = join(import.meta.dirname, '../src')
const files = globSync('**/*.ts', { cwd: src })

const isCode = (line: string) => !/^\s*(\/?\*|\/\/)/.test(line)
const withoutComments = (text: string) => text.split('\n').filter(isCode).join('\n')

function importsOf(text: string): string[] {
  const statement = /^(?:import|export|\}).*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm
  return [...text.matchAll(statement)].map(match => (match[1] ?? match[2] ?? match[3])!)
}

test('there are files to look at', () => assert.ok(files.length > 40))

test('clock, chance and the network are seen where they are used', () => {
  const used = ['Date.now()', 'new Date()', 'Math.random()', 'setTimeout(f, 1)', 'await fetch(url)', 'process.env.HOME']
  for (const code of used) assert.match(code, AMBIENT)
  for (const code of ['dateOf(x)', 'subprocess(x)', 'prefetch(x)', 'clock.now()']) assert.doesNotMatch(code, AMBIENT)
})

for (const path of files) {
  const ring = path.split('/')[0]!
  const text = readFileSync(join(src, path), 'utf8')
  const code = withoutComments(text)

  test(`src/${path} keeps to its ring`, () => {
    assert.ok(ring in MAY, `unknown ring ${ring}`)
    for (const to of importsOf(code)) {
      if (to.startsWith('.')) {
        const other = relative(src, join(src, dirname(path), to)).split('/')[0]!
        if (ring !== 'wasm') assert.match(to, /\.ts$/, `${to} lacks its ending`)
        assert.ok(other === ring || MAY[ring]!.includes(other), `${ring} imports ${other}`)
      } else if (to.startsWith('node:')) {
        assert.ok(MACHINE.includes(ring), `${ring} imports ${to}`)
      } else {
        assert.ok(!builtinModules.includes(to), `${to} lacks node:`)
        const name = to
          .split('/')
          .slice(0, to.startsWith('@') ? 2 : 1)
          .join('/')
        assert.ok(
          PACKAGES[name]?.some(allowed => path.startsWith(`${allowed}/`)),
          `${path} imports ${name}`,
        )
      }
    }
  })

  for (const words of FORBIDDEN[ring] ?? []) {
    test(`src/${path} has nothing of ${words}`, () => assert.doesNotMatch(code, words))
  }

  test(`src/${path} opens with what it is`, () => assert.match(text, /^\/\*\*[\s\S]+?\*\/\n/))

  test(`src/${path} can be read in one sitting`, () => {
    const lines = text.split('\n').length
    assert.ok(lines <= 400, `${lines} lines`)
  })

  test(`src/${path} is named after a thing`, () => {
    assert.doesNotMatch(path, /util|helper|manager|common|misc/i)
  })
}

test('test files are not longer than 400 lines either', () => {
  for (const path of globSync('**/*.ts', { cwd: import.meta.dirname })) {
    const lines = readFileSync(join(import.meta.dirname, path), 'utf8').split('\n').length
    assert.ok(lines <= 400, `test/${path}: ${lines} lines`)
  }
})

test('every package of the table is a dependency', () => {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8'))
  for (const name of Object.keys(PACKAGES)) assert.ok(name in { ...dependencies, ...optionalDependencies }, name)
})
