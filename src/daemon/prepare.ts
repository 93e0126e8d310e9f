/**
 * Everything `up` checks before it touches the machine. Nothing in here changes anything; each refusal says what was found and what
 * to do. The result holds all decisions, so that `--dry-run` and the daemon go the same way.
 */

import { exit, Failure } from '../base/failure.ts'
import { overlaps, type Prefix, parsePrefix } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import type { Capture } from '../drivers/control/open.ts'
import type { ActualLink } from '../drivers/wireguard/interface.ts'
import { userspaceRuns } from '../drivers/wireguard/userspace.ts'
import { type Choices, type Identity, ownerMark, prefixesOf, selfOf } from '../node/desired.ts'
import type { Os } from '../os/index.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { members } from '../protocol/network/members.ts'
import { formatProblem } from '../protocol/network/problem.ts'
import type { Member, Network } from '../protocol/network/types.ts'
import type { RelayPolicy } from '../protocol/relay/desk.ts'
import { readKeyFile } from './key-file.ts'
import { Belonging } from './membership.ts'
import { readNetworkFile } from './network-file.ts'
import { stateFile } from './paths.ts'

export type Options = {
  /** Absolute. */
  readonly file: string
  /** Absolute, if given. */
  readonly privateKey?: string
  readonly interface?: string
  readonly listenPort?: number
  /** How control packets share WireGuard's port; `auto` if not given. */
  readonly capture?: Capture
  /** TCP port of the DHT: the number of the UDP port if not given, 0 for none. */
  readonly tcpPort?: number
  /** The router is asked for a port; yes, where nothing is said. */
  readonly portmap?: boolean
  /** Many ports are tried against a hard NAT; yes, where nothing is said. */
  readonly birthday?: boolean
  /** Listen on TCP port 443, for nodes that get out by HTTPS only: `webListens`, if not given. */
  readonly web?: boolean
  /** For whom this node relays; if not given, members for members, and helpers for anyone. */
  readonly relay?: RelayPolicy
}

/** What the files say. */
export type Loaded = {
  /** Of the file, and of the statements that it accepts. */
  readonly network: Network
  readonly identity: Identity
  readonly belonging: Belonging
  /** `null`: a helper. */
  readonly self: Member | null
  readonly owner: string
  /** Worth saying aloud, no reason to refuse. */
  readonly notes: readonly string[]
}

/** And what was decided on this machine. */
export type Prepared = Loaded & {
  readonly choices: Choices
  /** Where to keep the port that was chosen now. */
  readonly store?: string
}

/** The kernel's IFNAMSIZ less the closing zero. */
const maxInterfaceName = 15

/**
 * Random ports stay below the kernel's ephemeral range (32768 on), where any program may sit on one for a while, and differ from node
 * to node: of two nodes behind one NAT with the same port, one would get another outside.
 */
const portRange = [20_000, 32_768] as const

export function requireRoot(os: Pick<Os, 'machine'>, what: string): void {
  if (os.machine.isRoot()) return
  throw new Failure(`${what} needs root: it changes interfaces and names of this machine`, {
    exit: exit.permission,
    remedy: 'sudo wh …',
  })
}

function requirePrograms(os: Pick<Os, 'programs'>): void {
  const packages: Record<string, string> = { ip: 'iproute2', wg: 'wireguard-tools', flock: 'util-linux' }
  const missing = Object.keys(packages).filter(name => !os.programs.find(name))
  if (missing.length === 0) return
  throw new Failure(`${missing.join(' and ')} not installed`, {
    remedy: `apt install ${missing.map(name => packages[name]).join(' ')}`,
  })
}

function checkInterfaceName(name: string): void {
  if (name.length > maxInterfaceName) {
    throw new Failure(`interface name ${name} has ${name.length} characters; Linux allows ${maxInterfaceName}`, {
      exit: exit.usage,
      remedy: `interface ${name.slice(0, maxInterfaceName)}`,
    })
  }
  if (!/^[A-Za-z0-9_=+.-]+$/.test(name) || name === '.' || name === '..' || name === 'all') {
    throw new Failure(`${JSON.stringify(name)} cannot be an interface name`, {
      exit: exit.usage,
      remedy: 'letters, digits, - and _',
    })
  }
}

/** Members know each other; a helper is there for whoever comes. */
export function relayPolicy({ self }: Pick<Loaded, 'self'>, { relay }: Pick<Options, 'relay'>): RelayPolicy {
  return relay ?? (self ? 'members' : 'anyone')
}

/** HTTPS. */
export const webPort = 443

/** Who is there for others takes port 443 where nobody else has it: a helper, and whom the file names as a boot node. */
export function webListens({ self, network, identity }: Loaded, { web, relay, tcpPort }: Options): boolean {
  if (web !== undefined) return web
  const named = network.nodes.some(({ role, key }) => role === 'boot' && key === identity.publicKey)
  return relay !== 'never' && tcpPort !== 0 && (!self || named)
}

/** Names to try where none is given, best first. */
export function* defaultInterfaceNames(network: string): Generator<string> {
  const base = `wh-${network.replace(/[^A-Za-z0-9_-]/g, '-')}`
  yield base.slice(0, maxInterfaceName)
  for (let i = 2; i < 100; i++) yield `${base.slice(0, maxInterfaceName - 1 - String(i).length)}-${i}`
}

async function chooseInterface(
  os: Os,
  links: readonly ActualLink[],
  network: Network,
  owner: string,
  given?: string,
): Promise<string> {
  const there = new Map(links.map(link => [link.name, link]))
  if (given !== undefined) {
    const taken = there.get(given)
    if (taken && taken.owner !== owner) {
      const whose = taken.owner.startsWith('wh ')
        ? `belongs to the network ${taken.owner.split(' ')[1]}`
        : 'exists and is not ours'
      throw new Failure(`interface ${given} ${whose}`, { remedy: 'give another name: interface NAME' })
    }
    return given
  }
  const ours = links.find(link => link.owner === owner)
  if (ours) return ours.name
  for (const name of defaultInterfaceNames(network.name)) {
    // a `wireguard-go` of another network namespace has its socket in the same folder, and refuses its name to a second one
    if (!there.has(name) && !(await userspaceRuns(os, name))) return name
  }
  throw new Failure('no free interface name', { remedy: 'give one: interface NAME' })
}

function checkSubnets(links: readonly ActualLink[], network: Network, interfaceName: string): void {
  for (const own of prefixesOf(network)) {
    for (const link of links) {
      if (link.name === interfaceName) continue
      const clash = link.addresses.find(address => overlaps(own, parsePrefix(address) as Prefix))
      if (clash === undefined) continue
      throw new Failure(
        `subnet ${own.address}/${own.length} of ${network.name} overlaps ${clash} on interface ${link.name}`,
        {
          remedy:
            own.family === 4 ? 'write another subnet into the file of every member' : 'give the network another name',
        },
      )
    }
  }
}

/** What a new interface will have (ip-sysctl); the file is not there where the kernel has no IPv6 at all. */
function hasIPv6(os: Os): boolean {
  return os.files.read('/proc/sys/net/ipv6/conf/default/disable_ipv6')?.trim() === '0'
}

async function portIsFree(os: Os, port: number): Promise<boolean> {
  for (const address of ['0.0.0.0', '::']) {
    try {
      const socket = await os.udp.bind(address, port, () => {})
      socket.close()
    } catch (error) {
      // a machine without IPv6 has no such address, and so nobody on the port
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    }
  }
  return true
}

function storedPort(os: Os, path: string): number | null {
  try {
    const port = JSON.parse(os.files.read(path) ?? 'null')?.listenPort
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null
  } catch {
    return null
  }
}

function portTaken(port: number, given: boolean): Failure {
  const whose = `it is this node's port in the file; ss -ulpn 'sport = :${port}' shows who has it`
  return new Failure(`UDP port ${port} is taken by another program`, {
    remedy: given ? 'give another: listen-port PORT' : whose,
  })
}

/** The port that the file tells others where this node is a helper, named on a `boot` or `peer` line. */
function bootPort(network: Network, key: PublicKey): number | undefined {
  return network.nodes.find(entry => entry.key === key && entry.endpoint)?.endpoint?.port
}

/** The port of this node, and whether it must be stored: said on the command line, by the own endpoint in the file, or ours to choose. */
async function choosePort(
  os: Os,
  {
    network,
    self,
    identity,
    running,
    given,
  }: Omit<Loaded, 'owner' | 'notes' | 'belonging'> & { running: boolean; given: number | undefined },
): Promise<{ port: number; store?: string; note?: string }> {
  const fixed = given ?? self?.endpoint?.port ?? bootPort(network, identity.publicKey)
  const path = stateFile(network.name, identity.publicKey)
  if (fixed !== undefined) {
    if (running || (await portIsFree(os, fixed))) return { port: fixed }
    throw portTaken(fixed, given !== undefined)
  }
  const stored = storedPort(os, path)
  if (stored !== null && (running || (await portIsFree(os, stored)))) return { port: stored }
  const note =
    stored === null ? undefined : `UDP port ${stored}, used until now, is taken by another program: using another one`
  for (;;) {
    const port = os.random.int(...portRange)
    if (await portIsFree(os, port)) return { port, store: path, ...(note === undefined ? {} : { note }) }
  }
}

/** The file is read again at each reload, by the daemon: a pipe would be empty by then. */
export function requireRegular(os: Os, path: string): void {
  const info = os.files.info(path)
  if (info && !info.regular && !info.folder) throw new Failure(`${path} is not a regular file`)
}

/** File, key and programs. @throws Failure with the first thing that stands in the way. */
export function load(os: Os, options: Options, openLog: (network: string) => Logger, dryRun = false): Loaded {
  requireRegular(os, options.file)
  const { network: file, problems, text } = readNetworkFile(os.files, options.file)
  if (!dryRun) requireRoot(os, 'wh up')
  const privateKey = readKeyFile(os.files, file, options.file, options.privateKey)
  requirePrograms(os)
  const identity = { privateKey, publicKey: privateKey.publicKey() }
  const belonging = new Belonging(os, openLog(file.name), file, identity)
  const network = belonging.network()
  if (belonging.isOver(identity.publicKey)) {
    throw new Failure(
      `this key, ${identity.publicKey}, belongs to ${network.name} no more: it was revoked, or another took its place`,
      {
        remedy: 'a token and `wh join` make this machine a member again, with a new key',
      },
    )
  }
  const self = selfOf(members(network), identity.publicKey)
  const notes = problems.map(problem => formatProblem(problem, options.file, text))
  if (!self) notes.push(`${identity.publicKey} is not in ${options.file}: running as a helper, without an interface`)
  return { network, identity, belonging, self, owner: ownerMark(network, identity.publicKey), notes }
}

/** Interface, addresses and port on this machine. @throws Failure with the first thing that stands in the way. */
export async function survey(
  os: Os,
  links: readonly ActualLink[],
  loaded: Loaded,
  options: Options,
): Promise<Prepared> {
  const { network, identity, self, owner } = loaded
  if (options.interface !== undefined) checkInterfaceName(options.interface)
  const ipv6 = hasIPv6(os)
  const portGiven = options.listenPort !== undefined
  if (!self) {
    const asked = { network, self, identity, running: false, given: options.listenPort }
    const { port, store, note } = await choosePort(os, asked)
    return {
      ...loaded,
      notes: [...loaded.notes, ...(note === undefined ? [] : [note])],
      choices: { interfaceName: '', listenPort: port, portGiven, ipv6 },
      ...(store === undefined ? {} : { store }),
    }
  }
  const interfaceName = await chooseInterface(os, links, network, owner, options.interface)
  checkSubnets(links, network, interfaceName)
  const running = links.some(link => link.name === interfaceName && link.owner === owner)
  const { port, store, note } = await choosePort(os, { network, self, identity, running, given: options.listenPort })
  const notes = [...loaded.notes, ...(note === undefined ? [] : [note])]
  if (options.listenPort !== undefined && self.endpoint && self.endpoint.port !== options.listenPort) {
    notes.push(
      `listen-port ${options.listenPort} differs from the port ${self.endpoint.port} that the file tells the others`,
    )
  }
  if (!ipv6) notes.push('IPv6 is switched off on this machine: members are reached by their IPv4 addresses only')
  if (!ipv6 && !network.subnet) {
    throw new Failure('the network has no subnet, and IPv6 is switched off on this machine: it would have no address')
  }
  const choices = { interfaceName, listenPort: port, portGiven, ipv6 }
  return { ...loaded, notes, choices, ...(store === undefined ? {} : { store }) }
}

/** What a reload must look at again: addresses and port of the changed file. @throws Failure as `survey` does. */
export async function surveyAgain(
  os: Os,
  links: readonly ActualLink[],
  network: Network,
  { identity, choices }: Prepared,
): Promise<void> {
  const self = selfOf(members(network), identity.publicKey)
  if (!self) return
  checkSubnets(links, network, choices.interfaceName)
  const port = self.endpoint?.port
  const listens = (await os.programs.run(['wg', 'show', choices.interfaceName, 'listen-port'])).out.trim()
  if (choices.portGiven || port === undefined || String(port) === listens || (await portIsFree(os, port))) return
  throw portTaken(port, false)
}
