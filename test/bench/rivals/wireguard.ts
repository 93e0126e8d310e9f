/** Plain wireguard-go with `wg`, as a person would set it up: endpoints by hand, keepalives every 25 s. */

import type { Pair } from '../../nat/pair.ts'

const device = 'wg-plain'
const port = 30_000
const keyFile = '/etc/wireguard.key'

export class PlainWireGuard {
  readonly name = 'wireguard-go'
  readonly overlays = ['10.66.0.1', '10.66.0.2'] as const

  async up({ members }: Pair): Promise<void> {
    const keys: string[] = []
    for (const { host } of members) {
      const secret = await host.ok(['wg', 'genkey'])
      await host.writeFile(keyFile, secret, { mode: 0o600 })
      keys.push((await host.ok(['wg', 'pubkey'], { input: secret })).trim())
    }
    for (const [i, { host }] of members.entries()) {
      const other = 1 - i
      await host.ok(['wireguard-go', device])
      const peer = ['peer', keys[other]!, 'endpoint', `${members[other]!.home.address}:${port}`]
      const more = ['allowed-ips', `${this.overlays[other]}/32`, 'persistent-keepalive', '25']
      await host.ok(['wg', 'set', device, 'listen-port', String(port), 'private-key', keyFile, ...peer, ...more])
      await host.ip([`address add ${this.overlays[i]}/24 dev ${device}`, `link set dev ${device} up`])
    }
  }

  async down({ members }: Pair): Promise<void> {
    for (const { host } of members) await host.ip([`link delete dev ${device}`])
  }
}
