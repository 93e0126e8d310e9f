import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/base/log.ts'
import { fileStore } from '../../src/daemon/memory.ts'
import { nothing, type Remembrance } from '../../src/node/memory.ts'
import { PrivateKey, type PublicKey } from '../../src/protocol/identity/key.ts'
import { type MachineOptions, machineDouble } from '../machine-double.ts'

const [a, b] = [1, 2].map(byte => new PrivateKey(new Uint8Array(32).fill(byte)).publicKey()) as [PublicKey, PublicKey]
const path = '/var/lib/wirehub/test/KEY.memory.json'

function store(machine: MachineOptions | string = {}) {
  const os = machineDouble(typeof machine === 'string' ? { files: { [path]: machine } } : machine)
  const logged: string[] = []
  const log = createLogger((_, line) => logged.push(line))
  return { ...fileStore(os.files, path, log), logged, os }
}

const memory: Remembrance = {
  sequence: 1_800_000_000,
  peers: new Map([
    [a, { endpoints: [{ host: '192.0.2.1', port: 1 }], record: Uint8Array.of(0, 255, 7) }],
    [
      b,
      {
        endpoints: [
          { host: '2001:db8::1', port: 65_535 },
          { host: '192.0.2.2', port: 2 },
        ],
      },
    ],
  ]),
  lifetimes: [{ address: '198.51.100.1', works: 50, fails: null, at: 1_800_000_000_000 }],
}

test('what is saved is loaded, and not for the eyes of others', () => {
  const { os, save, logged } = store()
  const modes: (number | undefined)[] = []
  const { write } = os.files
  os.files.write = (to, text, options) => {
    modes.push(options?.mode)
    write(to, text, options)
  }
  save(memory)
  assert.deepEqual(store(os.at.get(path)!).load(), memory)
  assert.deepEqual(modes, [0o600])
  assert.deepEqual(logged, [])
})

test('its folder is made: who has a port of its own has none yet', () => {
  const { os, save } = store()
  const made: string[] = []
  os.files.folder = folder => void made.push(folder)
  save(memory)
  assert.deepEqual(made, ['/var/lib/wirehub/test'])
})

test('without a file nothing is known, which is nothing to speak of', () => {
  const { load, logged } = store()
  assert.deepEqual(load(), nothing)
  assert.deepEqual(logged, [])
})

for (const text of ['', '{"sequence": 5, "peers"', 'null', '[]', '7', '"x"', 'EACCES', 'EISDIR']) {
  test(`a file with ${JSON.stringify(text)} is said aloud, and all is found anew`, () => {
    const { load, logged } = store(text)
    assert.deepEqual(load(), nothing)
    assert.equal(logged.length, 1)
    assert.match(logged[0]!, /^warn {2}what was known of the members cannot be read, and is found anew/)
  })
}

const entry = { endpoints: ['192.0.2.1:1'] }
const good = { endpoints: [{ host: '192.0.2.1', port: 1 }] }

for (const [what, peers] of [
  ['that is no object', { [b]: 7 }],
  ['that is null', { [b]: null }],
  ['without endpoints', { [b]: { record: 'AA' } }],
  ['whose endpoints are no list', { [b]: { endpoints: '192.0.2.1:1' } }],
  ['with an endpoint that is a number', { [b]: { endpoints: [1] } }],
  ['with too many endpoints', { [b]: { endpoints: Array(9).fill('192.0.2.1:1') } }],
  ['whose record is not base64url', { [b]: { endpoints: [], record: '+/' } }],
  ['of what is no key', { hello: entry }],
] as const) {
  test(`one entry ${what} is forgotten, and no other`, () => {
    const { load } = store(JSON.stringify({ sequence: 5, peers: { ...peers, [a]: entry } }))
    assert.deepEqual(load(), { sequence: 5, peers: new Map([[a, good]]), lifetimes: [] })
  })
}

test('an endpoint that is none is forgotten, and no other', () => {
  const endpoints = ['192.0.2.1:0', 'name.example:1', '192.0.2.1:1', '192.0.2.300:1', '']
  const { load } = store(JSON.stringify({ sequence: 5, peers: { [a]: { endpoints } } }))
  assert.deepEqual(load().peers.get(a), good)
})

test('peers of another shape do not take the number with them, and the other way round', () => {
  assert.deepEqual(store(JSON.stringify({ sequence: 5, peers: 'many' })).load(), {
    sequence: 5,
    peers: new Map(),
    lifetimes: [],
  })
  for (const sequence of [-1, 1.5, '7', null, 2 ** 53, 1e300]) {
    const { load } = store(JSON.stringify({ sequence, peers: { [a]: entry } }))
    assert.deepEqual(load(), { sequence: 0, peers: new Map([[a, good]]), lifetimes: [] }, String(sequence))
  }
})

test('fields of a later version are left alone', () => {
  const { load } = store(JSON.stringify({ sequence: 5, peers: { [a]: { ...entry, psk: 'x' } }, more: 1 }))
  assert.deepEqual(load(), { sequence: 5, peers: new Map([[a, good]]), lifetimes: [] })
})

test('a file that cannot be written is said aloud, and the node goes on', () => {
  const { save, logged } = store({ writeErrors: { [path]: 'ENOSPC' } })
  save(memory)
  assert.equal(logged.length, 1)
  assert.match(logged[0]!, /^warn {2}cannot keep what is known of the members error=.*ENOSPC/)
})
