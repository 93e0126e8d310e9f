/** `wh up`: checks, starts the daemon, and returns when the interface is configured, or with the reason it is not. */

import { resolve } from 'node:path'
import { Args, Flags } from '@oclif/core'
import { Failure } from '../../base/failure.ts'
import { createLogger } from '../../base/log.ts'
import type { Message } from '../../daemon/main.ts'
import { load, type Options, survey } from '../../daemon/prepare.ts'
import type { Capture } from '../../drivers/control/open.ts'
import { createWireguardDriver } from '../../drivers/wireguard/driver.ts'
import { bare, configure, createKernel, formatStep } from '../../drivers/wireguard/plan.ts'
import { desired } from '../../node/desired.ts'
import { systemOs as os } from '../../os/index.ts'
import { members } from '../../protocol/network/members.ts'
import type { RelayPolicy } from '../../protocol/relay/desk.ts'
import { WhCommand } from '../command.ts'
import { startInBackground } from '../start.ts'

export default class Up extends WhCommand {
  static override summary = 'Bring a network up: create the WireGuard interface, its peers and the names'
  static override description = [
    'The private key of this node is the one given, or private.key beside the network file, or /etc/wirehub/private.key. A node whose key is not in the file runs as a helper, without an interface.',
    'Everything is checked before the machine is touched. The daemon then stays in the background; its log is /var/log/wirehub/NETWORK.log.',
  ].join('\n\n')
  static override examples = [
    '<%= config.bin %> up ./net.conf',
    '<%= config.bin %> up ./net.conf private-key ./sk interface wg-home listen-port 51820',
    '<%= config.bin %> up ./net.conf --dry-run',
    '<%= config.bin %> up /etc/wirehub/home.conf foreground',
  ]
  static override args = { FILE: Args.string({ ignoreStdin: true, required: true, description: 'the network file' }) }
  static override flags = {
    'private-key': Flags.string({ description: 'file with the private key of this node', helpValue: 'FILE' }),
    interface: Flags.string({ description: 'name of the interface (wh-NETWORK)', helpValue: 'NAME' }),
    'listen-port': Flags.integer({ description: 'UDP port of WireGuard', min: 1, max: 65_535, helpValue: 'PORT' }),
    capture: Flags.string({
      description: 'how control packets share the UDP port; auto: nft, and pcap where that cannot be',
      options: ['auto', 'nft', 'pcap'],
    }),
    'tcp-port': Flags.integer({
      description: 'TCP port of the DHT, for nodes whose UDP is blocked (the number of the UDP port); 0 for none',
      min: 0,
      max: 65_535,
      helpValue: 'PORT',
    }),
    portmap: Flags.string({
      description: 'ask the router for a port (PCP, NAT-PMP, UPnP)',
      options: ['on', 'off'],
    }),
    birthday: Flags.string({
      description: 'try many ports where the NAT of one side gives each destination another one',
      options: ['on', 'off'],
    }),
    relay: Flags.string({
      description: 'whose packets this node passes on where others can reach it (members; a helper: anyone)',
      options: ['never', 'members', 'anyone'],
    }),
    web: Flags.string({
      description:
        'listen on TCP port 443, for nodes that get out by HTTPS only, and on UDP port 3478 for their calls (helpers and boot nodes, if they are free)',
      options: ['on', 'off'],
    }),
    foreground: Flags.boolean({
      description: 'stay in the foreground, for systemd and containers; SIGTERM takes the network down',
    }),
    'dry-run': Flags.boolean({ description: 'print the commands and change nothing' }),
    verbose: Flags.boolean({ char: 'v', description: 'show the commands that were run' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Up)
    const options: Options = {
      file: resolve(args.FILE),
      ...(flags['private-key'] === undefined ? {} : { privateKey: resolve(flags['private-key']) }),
      ...(flags.interface === undefined ? {} : { interface: flags.interface }),
      ...(flags['listen-port'] === undefined ? {} : { listenPort: flags['listen-port'] }),
      ...(flags.capture === undefined ? {} : { capture: flags.capture as Capture }),
      ...(flags['tcp-port'] === undefined ? {} : { tcpPort: flags['tcp-port'] }),
      portmap: flags.portmap !== 'off',
      birthday: flags.birthday !== 'off',
      ...(flags.web === undefined ? {} : { web: flags.web === 'on' }),
      ...(flags.relay === undefined ? {} : { relay: flags.relay as RelayPolicy }),
    }
    if (flags['dry-run']) return this.#dryRun(options)
    const report = (message: Message) => this.#report(message, flags.verbose)
    if (flags.foreground) {
      const { main } = await import('../../daemon/main.ts')
      return main(options, 'stderr', report)
    }
    report(await startInBackground(options, process.argv.slice(3)))
  }

  #report(message: Message, verbose: boolean): void {
    if ('failed' in message) {
      const { failed } = message
      throw new Failure(failed.message, {
        exit: failed.exit,
        ...(failed.remedy === undefined ? {} : { remedy: failed.remedy }),
      })
    }
    const { ready } = message
    if (verbose) for (const command of ready.commands) this.logToStderr(command)
    for (const note of ready.notes) this.logToStderr(`wh up: ${note}`)
    if (ready.backend === 'wireguard-go')
      this.logToStderr('wh up: this kernel has no WireGuard: using wireguard-go, which is slower')
    if (ready.interface === undefined) {
      this.log(`${ready.network} is up as a helper`)
      return
    }
    const addresses = [ready.ipv4, ready.ipv6].filter(address => address !== undefined).join(', ')
    this.log(
      `${ready.network} is up: ${ready.hostname ?? 'this node'} has ${addresses} on ${ready.interface}, UDP port ${ready.listenPort}`,
    )
  }

  async #dryRun(options: Options): Promise<void> {
    const quiet = createLogger(() => {})
    const wireguard = createWireguardDriver(os, quiet)
    const loaded = load(os, options, () => quiet, true)
    const { network, identity, choices, notes } = await survey(os, await wireguard.links(), loaded, options)
    for (const note of notes) this.logToStderr(`wh up: ${note}`)
    const wanted = desired(network, members(network), identity, choices, { resolve: () => undefined }).interface
    if (!wanted) return
    const there = await wireguard.read(wanted.name)
    const steps = [
      ...(there ? [] : createKernel(wanted)),
      ...configure(wanted, there ?? bare(wanted.name), new Map(), os.clock.wall()),
    ]
    for (const step of steps) this.log(formatStep(step))
  }
}
