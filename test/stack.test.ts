// The packages which the next steps build on install and load under our own Node: native ones too, and WebRTC without react-native.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

test('this is the Node that the project brings along', () => {
  assert.equal(process.version, 'v24.21.0')
  assert.match(process.execPath, /node_modules\/node-linux-(x64|arm64)\/bin\/node$/)
})

test('libp2p starts with TCP and Noise, and a Kademlia of our own protocol', async () => {
  const { createLibp2p } = await import('libp2p')
  const { tcp } = await import('@libp2p/tcp')
  const { noise } = await import('@chainsafe/libp2p-noise')
  const { kadDHT, passthroughMapper } = await import('@libp2p/kad-dht')
  assert.ok(kadDHT({ protocol: '/wirehub/kad/1', peerInfoMapper: passthroughMapper }))
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
  })
  assert.match(String(node.getMultiaddrs()[0]), /^\/ip4\/127\.0\.0\.1\/tcp\/\d+/)
  await node.stop()
})

test('pcap was built for this Node', async () => {
  const pcap = await import('pcap')
  assert.match(pcap.default.lib_version, /libpcap/)
})

test('WebRTC loads its prebuilt part, without react-native', async () => {
  const { webRTCDirect } = await import('@libp2p/webrtc')
  assert.equal(typeof webRTCDirect(), 'function')
  assert.ok(!existsSync(join(root, 'node_modules/react-native')))
})

test('the lockfile names no host, and every package has its hash', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  for (const [path, entry] of Object.entries<{ resolved?: string; integrity?: string; link?: boolean }>(packages)) {
    if (!path.startsWith('node_modules/') || entry.link) continue
    assert.ok(entry.integrity, path)
    assert.equal(entry.resolved, undefined, path)
  }
})
