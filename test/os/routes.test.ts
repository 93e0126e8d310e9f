import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGateways } from '../../src/os/routes.ts'
import { createLab, noLab } from '../lab/lab.ts'

const table = (...lines: string[]) =>
  ['Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT', ...lines, ''].join('\n')
const line = (name: string, to: string, via: string, flags: string, metric: number, mask: string) =>
  [name, to, via, flags, 0, 0, metric, mask, 0, 0, 0].join('\t')

test('the default route that is used first leads', () => {
  const text = table(
    line('wlan0', '00000000', '0102A8C0', '0003', 600, '00000000'),
    line('eth0', '00000000', '0101A8C0', '0003', 100, '00000000'),
    line('eth0', '0001A8C0', '00000000', '0001', 100, '00FFFFFF'),
    line('tun0', '00000000', '00000000', '0001', 50, '00000000'),
    line('eth1', '00000000', '0103A8C0', '0003', 10, '00000080'),
  )
  assert.deepEqual(parseGateways(text), [
    { interface: 'eth0', address: '192.168.1.1' },
    { interface: 'wlan0', address: '192.168.2.1' },
  ])
  assert.deepEqual(parseGateways(''), [])
})

test('as this kernel prints them', { skip: noLab }, async () => {
  await using lab = await createLab()
  const host = await lab.host('host')
  await lab.link(host, await lab.switch('lan'), { addresses: ['192.168.1.10/24'], gateways: ['192.168.1.1'] })
  assert.deepEqual(parseGateways(await host.ok(['cat', '/proc/net/route'])), [
    { interface: 'eth0', address: '192.168.1.1' },
  ])
})
