/**
 * Makes this machine resolve the network's names, in the way that the machine already resolves names:
 *
 * 1. systemd-resolved, where /etc/resolv.conf leads to it: it sends the questions for our domains, and only those, to our responder.
 *    Its settings belong to the interface and vanish with it.
 * 2. otherwise a block in /etc/hosts, which needs no running program; in a named network namespace also in the hosts file that
 *    `ip netns exec` will mount.
 *
 * /etc/resolv.conf is never touched.
 */

import { Failure } from '../../base/failure.ts'
import type { Address } from '../../base/ip.ts'
import type { Logger } from '../../base/log.ts'
import type { Os } from '../../os/index.ts'
import { reverseDomains, type Zone } from '../../protocol/naming/zone.ts'
import { type BlockId, withBlock, withoutAnyBlock, withoutBlock } from './hosts.ts'

export type Mechanism = 'systemd-resolved' | 'hosts file'

export type Names = {
  readonly zone: Zone
  readonly networkName: string
  readonly blockId: BlockId
  readonly hostLines: readonly string[]
  /** Where our responder listens; empty if it could not. */
  readonly servers: readonly Address[]
}

export type Resolver = {
  choose(servers: readonly Address[]): Promise<Mechanism>
  set(mechanism: Mechanism, interfaceName: string, names: Names): Promise<void>
  /** Removes every line of ours, also those of an earlier run that crashed. */
  clear(id: BlockId): Promise<void>
}

const hostsFile = '/etc/hosts'
const resolvConf = '/etc/resolv.conf'
/** Seconds to wait for another network that changes the file. */
const patience = 10
/** systemd.network(5) allows more, older versions 256 in all. */
const maxDomains = 200

/** Domains which the resolver shall ask us about: the network's, and single names for hosts that stand outside it. */
export function routedDomains(networkName: string, zone: Zone): string[] {
  const own = networkName.toLowerCase()
  const outside = [...zone.hosts.keys()].filter(name => name !== own && !name.endsWith(`.${own}`))
  return [own, ...outside, ...zone.prefixes.flatMap(reverseDomains)]
}

/** @param lockPath held while a hosts file is changed, because the daemons of several networks change it */
export function createResolver(
  os: Pick<Os, 'files' | 'programs' | 'machine' | 'locks'>,
  lockPath: string,
  log: Logger,
): Resolver {
  const { files, programs, machine, locks } = os

  function leadsToResolved(): boolean {
    if (files.link(resolvConf)?.includes('systemd/resolve')) return true
    return /^\s*nameserver\s+127\.0\.0\.5[34]\b/m.test(files.read(resolvConf) ?? '')
  }

  /**
   * The hosts file that `ip netns exec` will mount for the named namespace that we run in (ip-netns(8)); `null` where there is no
   * such namespace, or where it is mounted already and so is /etc/hosts itself.
   */
  function namespaceHosts(): string | null {
    const name = machine.namespace()?.name
    if (!name) return null
    const path = `/etc/netns/${name}/hosts`
    return files.info(path)?.id === files.info(hostsFile)?.id ? null : path
  }

  function refused(path: string, error: unknown): Failure {
    const { code, message } = error as NodeJS.ErrnoException
    return new Failure(`cannot write ${path}: ${code === 'ENOSPC' ? 'the disk is full' : message}; it is as it was`, {
      remedy: 'make room or make the file writable, then try again',
    })
  }

  function edit(path: string, text: string, changed: string): void {
    if (changed === text) return
    try {
      files.write(path, changed, { encoding: 'latin1' })
    } catch (error) {
      throw refused(path, error)
    }
  }

  async function exclusively(work: () => void): Promise<void> {
    const lock = await locks.acquire(lockPath, patience)
    if (!lock) throw new Failure(`another process holds ${lockPath} for more than ${patience} s`)
    try {
      work()
    } finally {
      lock.release()
    }
  }

  async function setResolved(interfaceName: string, { zone, networkName, servers }: Names): Promise<void> {
    const domains = routedDomains(networkName, zone)
    if (domains.length > maxDomains) {
      log.warn('too many names outside the domain of the network for systemd-resolved', { kept: maxDomains })
      domains.length = maxDomains
    }
    const settings = [
      ['dns', interfaceName, ...servers],
      ['domain', interfaceName, ...domains.map(domain => `~${domain}`)],
      ['default-route', interfaceName, 'no'],
      ['llmnr', interfaceName, 'no'],
      ['mdns', interfaceName, 'no'],
      ['dnssec', interfaceName, 'no'],
    ]
    for (const setting of settings) {
      const { code, err } = await programs.run(['resolvectl', ...setting])
      if (code !== 0) throw new Failure(`resolvectl ${setting.join(' ')} failed: ${err.trim()}`)
    }
  }

  return {
    async choose(servers) {
      if (servers.length === 0 || !programs.find('resolvectl') || !leadsToResolved()) return 'hosts file'
      const { code } = await programs.run(['resolvectl', 'status'])
      return code === 0 ? 'systemd-resolved' : 'hosts file'
    },

    async set(mechanism, interfaceName, names) {
      if (mechanism === 'systemd-resolved') return setResolved(interfaceName, names)
      await exclusively(() => {
        const change = (text: string) => withBlock(text, names.blockId, names.hostLines)
        const text = files.read(hostsFile, 'latin1') ?? ''
        edit(hostsFile, text, change(text))
        const inNamespace = namespaceHosts()
        if (!inNamespace) return
        files.folder(dirname(inNamespace), 0o755)
        const before = files.read(inNamespace, 'latin1')
        edit(inNamespace, before ?? '', change(before ?? withoutAnyBlock(text)))
      })
    },

    clear: id =>
      exclusively(() => {
        const text = files.read(hostsFile, 'latin1')
        if (text !== null) edit(hostsFile, text, withoutBlock(text, id))
        const inNamespace = namespaceHosts()
        const before = inNamespace && files.read(inNamespace, 'latin1')
        if (!inNamespace || before === null) return
        const rest = withoutBlock(before, id)
        // what is left is the copy that `set` began with: without the file, `ip netns exec` shows the same
        if (rest !== before && rest === withoutAnyBlock(text ?? '')) files.remove(inNamespace)
        else edit(inNamespace, before, rest)
      }),
  }
}

function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
