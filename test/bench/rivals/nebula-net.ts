/**
 * A network of nebula's (Debian): a lighthouse that is also a relay, and members. Certificates are made on the lighthouse's host, so nothing
 * of them is left on the machine, however the bench ends.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Host } from '../../lab/lab.ts'

const lighthouse = '10.77.0.100'
const overlays = ['10.77.0.1', '10.77.0.2'] as const
const port = 4242
const device = 'nebula1'
const pidFile = '/run/nebula.pid'
const folder = '/etc/nebula'

export type NebulaMember = {
  readonly name: string
  readonly overlay: string
  readonly listen?: number
  /** It says that it is to be had through the relay, and tries no other way to anybody. */
  readonly relayed?: boolean
}

export class NebulaNet {
  readonly name: string
  readonly port = port
  readonly lighthouse = lighthouse
  readonly overlays = overlays
  #server: { host: Host; address: string } | null = null

  private constructor(name: string) {
    this.name = name
  }

  /** Null, with the reason said, where it is not installed. */
  static async open(): Promise<NebulaNet | null> {
    try {
      const { stdout } = await promisify(execFile)('nebula', ['-version'])
      return new NebulaNet(`nebula ${stdout.trim().replace(/^Version: /, '')}`)
    } catch (error) {
      console.log(`nebula is not measured (sh bin/setup bench installs it): ${(error as Error).message}`)
      return null
    }
  }

  async serve(host: Host, address: string): Promise<void> {
    this.#server = { host, address }
    const out = ['-out-crt', `${folder}/ca.crt`, '-out-key', `${folder}/ca.key`]
    await host.ok(['sh', '-c', `mkdir -p ${folder}; nebula-cert ca -name lab "$@"`, 'sh', ...out])
    await this.configure(host, { name: 'lighthouse', overlay: lighthouse })
    await this.start(host, 'lighthouse')
  }

  /** The configuration is YAML, of which JSON is a part. */
  async configure(host: Host, { name, overlay, listen = port, relayed = false }: NebulaMember): Promise<void> {
    const isLighthouse = overlay === lighthouse
    const server = this.#server!
    const any = [{ port: 'any', proto: 'any', host: 'any' }]
    const config = {
      pki: await this.#sign(overlay),
      static_host_map: { [lighthouse]: [`${server.address}:${port}`] },
      lighthouse: {
        am_lighthouse: isLighthouse,
        interval: 10,
        hosts: isLighthouse ? [] : [lighthouse],
        ...(relayed ? { remote_allow_list: { '0.0.0.0/0': false, [`${server.address}/32`]: true } } : {}),
      },
      relay: { am_relay: isLighthouse, use_relays: relayed, relays: relayed ? [lighthouse] : [] },
      listen: { host: '0.0.0.0', port: listen },
      punchy: { punch: true, respond: true, delay: '1s' },
      tun: { dev: device },
      firewall: { outbound: any, inbound: any },
    }
    await host.writeFile(`${folder}/${name}.json`, JSON.stringify(config))
  }

  async start(host: Host, name: string): Promise<void> {
    await host.ok(['sh', '-c', this.startCommand(name)])
  }

  startCommand(name: string): string {
    return `nebula -config ${folder}/${name}.json >/dev/null 2>&1 & echo $! >${pidFile}`
  }

  /** The process may stay as a zombie; its interface does not. */
  async end(host: Host): Promise<void> {
    await host.run([
      ...['sh', '-c'],
      `kill $(cat ${pidFile}); while ip link show dev ${device} >/dev/null 2>&1; do sleep 0.01; done`,
    ])
  }

  async #sign(overlay: string): Promise<{ ca: string; cert: string; key: string }> {
    const { host } = this.#server!
    // one certificate file is written once
    const name = `${folder}/${overlay}-${performance.now()}`
    const ca = ['-ca-crt', `${folder}/ca.crt`, '-ca-key', `${folder}/ca.key`]
    const out = ['-out-crt', `${name}.crt`, '-out-key', `${name}.key`]
    await host.ok(['nebula-cert', 'sign', ...ca, '-name', overlay, '-ip', `${overlay}/24`, ...out])
    const [authority, cert, key] = [`${folder}/ca.crt`, `${name}.crt`, `${name}.key`].map(it => host.readFile(it))
    return { ca: await authority!, cert: await cert!, key: await key! }
  }
}
