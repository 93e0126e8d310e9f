import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDump, parseLinks } from '../../../src/drivers/wireguard/dump.ts'

// captured from `wg show wg0 dump` of wireguard-tools 1.0.20210914; keys replaced
const dump = [
  'kLfotsCIfB/7OcDGeLenptfy2Dzav9wmVZjVQ0Gvnk0=\tQlAUVENuHTaELuyeTaBDHu4iY5UKzBG5AMBR6Pv1Ulg=\t51820\toff',
  'KJ7YGrBeqLLm/JJ1huIS26OnqAVFy57z5UJqjyMagW4=\t(none)\t[2001:db8::2]:51820\t10.0.42.2/32,fd92:8b20:3669::2/128\t1763672000\t1024\t2048\t25',
  'kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F/k4mhI/Hs=\t(none)\t(none)\t(none)\t0\t0\t0\toff',
  '',
].join('\n')

test('a dump is read', () => {
  assert.deepEqual(parseDump(dump), {
    publicKey: 'QlAUVENuHTaELuyeTaBDHu4iY5UKzBG5AMBR6Pv1Ulg',
    listenPort: 51820,
    peers: [
      {
        key: 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4',
        endpoint: { host: '2001:db8::2', port: 51820 },
        allowedIps: ['10.0.42.2/32', 'fd92:8b20:3669::2/128'],
        latestHandshake: 1763672000_000,
        received: 1024,
        sent: 2048,
        keepalive: 25,
      },
      { key: 'kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F_k4mhI_Hs', allowedIps: [], received: 0, sent: 0, keepalive: 0 },
    ],
  })
})

test('an interface without a key', () => {
  assert.deepEqual(parseDump('(none)\t(none)\t40321\toff\n'), { listenPort: 40321, peers: [] })
})

test('links with alias, kind and addresses; link-local ones are left out', () => {
  const json = JSON.stringify([
    {
      ifname: 'lo',
      flags: ['LOOPBACK', 'UP'],
      mtu: 65536,
      addr_info: [{ local: '127.0.0.1', prefixlen: 8, scope: 'host' }],
    },
    {
      ifname: 'wh-test',
      ifalias: 'wh test KJ7YGrBe',
      flags: ['POINTOPOINT', 'UP'],
      mtu: 1420,
      linkinfo: { info_kind: 'wireguard' },
      addr_info: [
        { local: '10.0.42.2', prefixlen: 24, scope: 'global' },
        { local: 'fe80::1', prefixlen: 64, scope: 'link' },
      ],
    },
    {},
  ])
  assert.deepEqual(parseLinks(json), [
    { name: 'lo', owner: '', kind: '', up: true, mtu: 65536, addresses: ['127.0.0.1/8'] },
    { name: 'wh-test', owner: 'wh test KJ7YGrBe', kind: 'wireguard', up: true, mtu: 1420, addresses: ['10.0.42.2/24'] },
  ])
})
