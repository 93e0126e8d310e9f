// wg-quick files that the real `wg` and `wg-quick` take, imported: the values agree, and what comes out is a network that runs. Runs with
// wireguard-go, and by `npm run test:kernel` with the kernel's own WireGuard.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, type Lab, noLab, notInGuest } from '../lab/lab.ts'
import { assertClean, bin, file, keyFile, ping, wh, whOk } from './mesh.ts'

const options = { skip: noLab, timeout: 300_000 }
const quickFile = '/etc/wireguard/wg0.conf'
const network = 'name test\nsubnet 10.8.0.0/24\n'

type Machine = { readonly host: Host; readonly privateKey: string; readonly publicKey: string }

/** Machines on a switch, each with a key of `wg genkey`. */
async function machines(lab: Lab, names: readonly string[]): Promise<Machine[]> {
  const lan = await lab.switch('lan')
  const made: Machine[] = []
  for (const [i, name] of names.entries()) {
    const host = await lab.host(name)
    await lab.link(host, lan, { addresses: [`192.0.2.${i + 1}/24`] })
    await host.ok(['mkdir', '-p', '/etc/wireguard', '/etc/wirehub'])
    const privateKey = (await host.ok(['wg', 'genkey'])).trim()
    const publicKey = (await host.ok(['wg', 'pubkey'], { input: privateKey })).trim()
    made.push({ host, privateKey, publicKey })
  }
  return made
}

/** As an administrator of a hub writes them, in the ways that `wg` allows. */
function files([hub, alice, bob]: readonly Machine[], psk: string): string[] {
  const client = (number: number, { privateKey }: Machine) => `[Interface]
PrivateKey = ${privateKey}
Address = 10.8.0.${number}/24

[Peer]
# Name = hub
PublicKey = ${hub!.publicKey}
PresharedKey = ${psk}
AllowedIPs = 10.8.0.0/24
Endpoint = 192.0.2.1:51820
PersistentKeepalive = 25
`
  return [
    `[interface]
address = 10.8.0.1/24 # the hub
LISTENPORT=51820
  PrivateKey=${hub!.privateKey}
PostUp = sysctl -w net.ipv4.ip_forward=1

### Client alice
[Peer]
PublicKey = ${alice!.publicKey}
Preshared Key = ${psk}
AllowedIPs = 10.8.0.2

[PEER] # bob
PublicKey = ${bob!.publicKey}
PresharedKey = ${psk}
AllowedIPs = 10.8.0.3/32`,
    client(2, alice!),
    client(3, bob!),
  ]
}

test('wg reads the same keys, addresses and endpoints', { ...options, skip: notInGuest }, async () => {
  await using lab = await createLab()
  const all = await machines(lab, ['hub', 'alice', 'bob'])
  const psk = (await all[0]!.host.ok(['wg', 'genpsk'])).trim()
  for (const [i, text] of files(all, psk).entries()) {
    const { host } = all[i]!
    await host.writeFile(quickFile, text, { mode: 0o600 })
    await host.writeFile('/root/stripped.conf', await host.ok(['wg-quick', 'strip', 'wg0']), { mode: 0o600 })
    await host.run(['wireguard-go', 'wg0'])
    await host.ok(['wg', 'setconf', 'wg0', '/root/stripped.conf'])
    const [, ...peers] = (await host.ok(['wg', 'show', 'wg0', 'dump'])).trim().split('\n')
    const own = (await host.ok(['wg', 'show', 'wg0', 'public-key'])).trim()
    const seen = peers.map(line => line.split('\t'))
    const { nodes } = JSON.parse(await whOk(host, 'import', quickFile, 'json')).network
    const inWgForm = (key: string) => `${key.replaceAll('-', '+').replaceAll('_', '/')}=`
    const [self, ...others] = nodes as { key: string; address?: string; endpoint?: { host: string; port: number } }[]
    assert.equal(inWgForm(self!.key), own)
    const byKey = (a: string[], b: string[]) => (a[0]! < b[0]! ? -1 : 1)
    const ours = others.map(({ key, address, endpoint }) => [
      inWgForm(key),
      endpoint ? `${endpoint.host}:${endpoint.port}` : '(none)',
      // of a client's hub, wg knows the subnet
      address ? `${address}/32` : '10.8.0.0/24',
    ])
    const theirs = seen.map(([key, , endpoint, allowed]) => [key!, endpoint!, allowed!])
    assert.deepEqual(ours.sort(byKey), theirs.sort(byKey))
  }
})

test('a network of wg-quick goes on as one of wh, with its keys and addresses', options, async () => {
  await using lab = await createLab()
  const all = await machines(lab, ['hub', 'alice', 'bob'])
  const [hub, alice, bob] = all.map(({ host }) => host)
  const psk = (await hub!.ok(['wg', 'genpsk'])).trim()
  for (const [i, text] of files(all, psk).entries()) await all[i]!.host.writeFile(quickFile, text, { mode: 0o600 })

  for (const { host } of all) await host.ok(['wg-quick', 'up', 'wg0'])
  await ping(alice!, '10.8.0.1')

  const imported = [bin, 'import', quickFile, 'name', 'test', 'hostname', 'hub', 'endpoint', '192.0.2.1']
  const text = await hub!.ok([...imported, 'private-key-out', keyFile])
  assert.ok(text.startsWith(network), text)
  for (const { host } of all.slice(1)) await whOk(host, 'import', quickFile, 'private-key-out', keyFile)
  for (const { host } of all) await host.writeFile(file, text)
  await whOk(hub!, 'check', file)
  const both = await wh(hub!, 'up', file)
  assert.deepEqual([both.code, /10\.8\.0\./.test(both.err)], [1, true], both.err)
  for (const { host } of all) await host.ok(['wg-quick', 'down', 'wg0'])
  for (const { host } of all) await whOk(host, 'up', file)

  await ping(alice!, '10.8.0.1')
  await ping(hub!, 'alice.test')
  await ping(alice!, 'bob.test')
  await ping(bob!, 'hub.test', '-6')
  // each member is reached by itself now, and not through the hub
  const [status] = JSON.parse(await whOk(alice!, 'show', '--json'))
  assert.deepEqual(
    status.members.map((m: { hostname: string; ipv4: string; state: string }) => [m.hostname, m.ipv4, m.state]),
    [
      ['hub.test', '10.8.0.1', 'direct'],
      ['alice.test', '10.8.0.2', 'self'],
      ['bob.test', '10.8.0.3', 'direct'],
    ],
  )
  for (const { host } of all) {
    await whOk(host, 'down')
    await assertClean(host)
  }
  const again = await wh(hub!, 'import', quickFile, 'private-key-out', keyFile)
  assert.match(again.err, /private\.key exists already, and is left as it is/)
})
