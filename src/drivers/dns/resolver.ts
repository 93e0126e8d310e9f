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
  /** Names, lower case, that must be looked up outside to reach members. */
  readonly endpointNames: ReadonlySet<string>
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
const hostsOfMachine = '/proc/1/root/etc/hosts'
const madeByUs = '# made by wh from /etc/hosts; it goes with the last network in this namespace\n'
const resolvConf = '/etc/resolv.conf'
/** Seconds to wait for another network that changes the file. */
const patience = 10
/** systemd.network(5) allows more, older versions 256 in all. */
const maxDomains = 200

/**
 * Domains which the resolver shall ask us about: the network's, and single names for hosts that stand outside it. A name that is
 * also an endpoint keeps its meaning outside, or nobody could find out where that is.
 */
export function routedDomains(networkName: string, zone: Zone, endpointNames: ReadonlySet<string>): string[] {
  const own = networkName.toLowerCase()
  const outside = [...zone.hosts.keys()].filter(
    name => name !== own && !name.endsWith(`.${own}`) && !endpointNames.has(name),
  )
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

  /** The hosts file that `ip netns exec` mounts over /etc/hosts in the named namespace that we run in (ip-netns(8)), if we do. */
  function namespaceFile(): string | null {
    const name = machine.namespace()?.name
    return name ? `/etc/netns/${name}/hosts` : null
  }

  const idOf = (path: string | null) => (path === null ? undefined : files.info(path)?.id)

  /**
   * Every file that may hold lines of ours. A daemon that was started before `ip netns exec` had a file to mount wrote into the
   * machine's, which a later command in that namespace sees only through process 1.
   */
  function clearable(): string[] {
    const copy = namespaceFile()
    const paths = copy === null ? [hostsFile] : [hostsFile, copy, hostsOfMachine]
    const ids = paths.map(idOf)
    return paths.filter((_, i) => ids[i] !== undefined && ids.indexOf(ids[i]) === i)
  }

  /** What a namespace's own hosts file is made of: the machine's, less all lines of ours, under a heading that says whose it is. */
  function freshCopy(copy: string): string {
    const source = [hostsFile, hostsOfMachine].find(path => idOf(path) !== undefined && idOf(path) !== idOf(copy))
    return madeByUs + withoutAnyBlock((source && files.read(source, 'latin1')) ?? '')
  }

  function removeCopy(path: string): void {
    try {
      files.remove(path)
      files.removeFolder(dirname(path))
    } catch (error) {
      throw refused(path, error)
    }
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

  async function setResolved(interfaceName: string, names: Names): Promise<void> {
    const { zone, networkName, servers, endpointNames } = names
    const domains = routedDomains(networkName, zone, endpointNames)
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
      // resolved knows interfaces by number, and those of another network namespace would be the wrong ones
      if (servers.length === 0 || machine.namespace() !== null) return 'hosts file'
      if (!programs.find('resolvectl') || !leadsToResolved()) return 'hosts file'
      const { code } = await programs.run(['resolvectl', 'status'])
      return code === 0 ? 'systemd-resolved' : 'hosts file'
    },

    async set(mechanism, interfaceName, names) {
      if (mechanism === 'systemd-resolved') return setResolved(interfaceName, names)
      await exclusively(() => {
        const change = (text: string) => withBlock(text, names.blockId, names.hostLines)
        const text = files.read(hostsFile, 'latin1') ?? ''
        edit(hostsFile, text, change(text))
        const copy = namespaceFile()
        // the same file: mounted already
        if (copy === null || idOf(copy) === idOf(hostsFile)) return
        files.folder(dirname(copy), 0o755)
        const before = files.read(copy, 'latin1')
        edit(copy, before ?? '', change(before ?? freshCopy(copy)))
      })
    },

    clear: id =>
      exclusively(() => {
        const copy = namespaceFile()
        for (const path of clearable()) {
          const before = files.read(path, 'latin1')
          if (before === null) continue
          files.removeUnfinished(path)
          const rest = withoutBlock(before, id)
          const done = copy !== null && idOf(path) === idOf(copy) && rest === freshCopy(copy)
          if (done) removeCopy(copy)
          else edit(path, before, rest)
        }
      }),
  }
}

function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
