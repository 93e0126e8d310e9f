/**
 * The kernel's own WireGuard. Run by `npm run test:kernel`, natively or in a guest (wg-run says which).
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host } from '../lab/lab.ts'

const skip = process.env.WG_KERNEL ? false : 'NOT STARTED BY wg-run: npm run test:kernel'

async function tunnelEnd(host: Host, address: string): Promise<string> {
  await host.ip(['link add dev wg0 type wireguard'])
  const privateKey = await host.ok(['wg', 'genkey'])
  const publicKey = await host.ok(['wg', 'pubkey'], { input: privateKey })
  await host.ok(['wg', 'set', 'wg0', 'listen-port', '51820', 'private-key', '/dev/stdin'], { input: privateKey })
  await host.ip([`address add ${address}/24 dev wg0`, 'link set dev wg0 up'])
  return publicKey.trim()
}

test('two hosts with kernel WireGuard reach each other through the tunnel', { skip }, async () => {
  await using lab = await createLab()
  const lan = await lab.switch('lan')
  const [a, b] = [await lab.host('a'), await lab.host('b')]
  await lab.link(a, lan, { addresses: ['192.0.2.1/24'] })
  await lab.link(b, lan, { addresses: ['192.0.2.2/24'] })
  const [keyOfA, keyOfB] = [await tunnelEnd(a, '10.0.42.1'), await tunnelEnd(b, '10.0.42.2')]
  await a.ok(['wg', 'set', 'wg0', 'peer', keyOfB, 'allowed-ips', '10.0.42.2/32', 'endpoint', '192.0.2.2:51820'])
  await b.ok(['wg', 'set', 'wg0', 'peer', keyOfA, 'allowed-ips', '10.0.42.1/32'])

  await a.ok(['ping', '-c', '1', '-W', '5', '10.0.42.2'])
  assert.match(await b.ok(['wg', 'show', 'wg0', 'endpoints']), /192\.0\.2\.1:51820/)
  assert.equal((await a.run(['pgrep', 'wireguard-go'])).code, 1, 'this is the kernel')
})
