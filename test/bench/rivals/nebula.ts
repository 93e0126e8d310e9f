/** nebula (Debian), with a lighthouse on the first public server and hole punching on. */

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import type { Host } from '../../lab/lab.ts'
import { type Pair, type Stage, startAndPing } from '../../nat/pair.ts'
import type { Rival } from './rival.ts'

const exec = promisify(execFile)
const lighthouse = '10.77.0.100'
const overlays = ['10.77.0.1', '10.77.0.2'] as const
const port = 4242
const device = 'nebula1'
const pidFile = '/run/nebula.pid'

export class Nebula implements Rival {
  readonly name: string
  readonly #folder: string
  #server = ''

  private constructor(name: string, folder: string) {
    this.name = name
    this.#folder = folder
  }

  /** Null, with the reason said, where it is not installed. */
  static async open(): Promise<Nebula | null> {
    try {
      const { stdout } = await exec('nebula', ['-version'])
      const folder = await mkdtemp(`${tmpdir()}/wh-bench-nebula-`)
      await exec('nebula-cert', ['ca', '-name', 'lab', '-out-crt', `${folder}/ca.crt`, '-out-key', `${folder}/ca.key`])
      return new Nebula(`nebula ${stdout.trim().replace(/^Version: /, '')}`, folder)
    } catch (error) {
      console.log(`nebula is not measured (sh bin/setup bench installs it): ${(error as Error).message}`)
      return null
    }
  }

  async serve(stage: Stage): Promise<void> {
    const [{ host, address }] = stage.servers
    this.#server = address
    await this.#configure(host, 'lighthouse', lighthouse, port)
    await host.ok(['sh', '-c', start('lighthouse')])
  }

  async begin({ members }: Pair): Promise<void> {
    // two behind one router: each needs a port of its own
    for (const [i, { host, name }] of members.entries()) await this.#configure(host, name, overlays[i]!, port + i)
    await members[0].host.ok(['sh', '-c', start(members[0].name)])
    await members[0].host.until(['ping', '-c1', '-W1', lighthouse], it => it.code === 0)
  }

  async connect(pair: Pair, patience: number): Promise<number | null> {
    const [, second] = pair.members
    await pair.forget()
    const where = { own: overlays[1], peer: overlays[0], patience }
    const { reply } = await startAndPing(second.host, start(second.name), where)
    await second.host.ok(['sh', '-c', end])
    return reply
  }

  /** Both up, with a path; for what comes after. */
  async up(pair: Pair): Promise<void> {
    await this.begin(pair)
    await pair.members[1].host.ok(['sh', '-c', start(pair.members[1].name)])
  }

  async down({ members }: Pair): Promise<void> {
    for (const { host } of members) await host.run(['sh', '-c', end])
  }

  readonly overlays = overlays

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true })
  }

  /** The configuration is YAML, of which JSON is a part. */
  async #configure(host: Host, name: string, overlay: string, listen: number): Promise<void> {
    const folder = this.#folder
    const ca = ['-ca-crt', `${folder}/ca.crt`, '-ca-key', `${folder}/ca.key`]
    // one certificate file is written once
    const unique = `${name}-${performance.now()}`
    const out = { cert: `${folder}/${unique}.crt`, key: `${folder}/${unique}.key` }
    const names = ['-name', unique, '-ip', `${overlay}/24`, '-out-crt', out.cert, '-out-key', out.key]
    await exec('nebula-cert', ['sign', ...ca, ...names])
    const isLighthouse = overlay === lighthouse
    const any = [{ port: 'any', proto: 'any', host: 'any' }]
    const config = {
      pki: { ca: `${folder}/ca.crt`, ...out },
      static_host_map: { [lighthouse]: [`${this.#server}:${port}`] },
      lighthouse: { am_lighthouse: isLighthouse, interval: 10, hosts: isLighthouse ? [] : [lighthouse] },
      listen: { host: '0.0.0.0', port: listen },
      punchy: { punch: true, respond: true, delay: '1s' },
      tun: { dev: device },
      firewall: { outbound: any, inbound: any },
    }
    await host.writeFile(`/etc/nebula/${name}.json`, JSON.stringify(config))
  }
}

function start(name: string): string {
  return `nebula -config /etc/nebula/${name}.json >/dev/null 2>&1 & echo $! >${pidFile}`
}

/** The process may stay as a zombie; its interface does not. */
const end = `kill $(cat ${pidFile}); while ip link show dev ${device} >/dev/null 2>&1; do sleep 0.01; done`
