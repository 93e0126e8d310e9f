/**
 * The life of a daemon: check, lock, note what will be done, do it, serve, undo it.
 *
 *     load ─▶ lock ─▶ survey ─▶ [journal ─▶ node ─▶ socket] ─▶ ready ─▶ … ─▶ stop: socket, node, journal, lock
 *              │                 └── from here on the machine changes ──┘
 *              └─ taken: the network is up already
 */

import { dirname } from 'node:path'
import { Failure } from '../base/failure.ts'
import { familyOf } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { minute } from '../base/time.ts'
import { openControlPort } from '../drivers/control/open.ts'
import { Reflector } from '../drivers/control/reflector.ts'
import { createResolver } from '../drivers/dns/resolver.ts'
import { removeLeftover } from '../drivers/relay/leftover.ts'
import { createWireguardDriver } from '../drivers/wireguard/driver.ts'
import type { ActualLink } from '../drivers/wireguard/interface.ts'
import { formatStep } from '../drivers/wireguard/plan.ts'
import { blockId } from '../node/names.ts'
import { Node, type NodeParts } from '../node/node.ts'
import type { Os } from '../os/index.ts'
import { anywhere } from '../os/source.ts'
import { stunPort } from '../protocol/carrier/stun.ts'
import { cleanup } from './cleanup.ts'
import { createHandlers } from './handlers.ts'
import { type Journal, readJournal, readJournals, writeJournal } from './journal.ts'
import { fileStore } from './memory.ts'
import { dhtFolder, hostsLock, memoryFile, runFolder, runPaths, startLock } from './paths.ts'
import { type Loaded, load, type Options, type Prepared, relayPolicy, survey, webListens, webPort } from './prepare.ts'
import { serve } from './server.ts'

export type Ready = {
  readonly network: string
  readonly interface?: string
  readonly hostname?: string
  readonly ipv4?: string
  readonly ipv6?: string
  readonly listenPort?: number
  readonly backend?: string
  readonly names: string
  readonly notes: readonly string[]
  readonly commands: readonly string[]
}

export type Daemon = {
  readonly ready: Ready
  /** Takes the network down. */
  stop(): Promise<unknown>
  /** Resolves after `stop`, whoever called it. `again`: the node has another key, and is to be started with it. */
  readonly stopped: Promise<'over' | 'again'>
}

/** Seconds to wait for another network that is being brought up. */
const patience = 60
/** What an earlier daemon relayed goes on until then, for this one to take over: guests come back within 30 s. */
const relayLeftFor = 1 * minute

export async function startDaemon(os: Os, options: Options, openLog: (network: string) => Logger): Promise<Daemon> {
  const loaded = load(os, options, openLog)
  const { network, identity, belonging } = loaded
  const log = openLog(network.name)
  const commands: string[] = []
  const wireguard = createWireguardDriver(os, log, step => commands.push(formatStep(step)))
  const resolver = createResolver(os, hostsLock, log)
  const leftovers = { files: os.files, programs: os.programs, wireguard, resolver }

  const paths = runPaths(runFolder(os.machine), network.name)
  os.files.folder(paths.folder, 0o700)
  const lock = await os.locks.acquire(paths.lock)
  if (!lock) {
    const other = readJournal(os.files, paths.journal)
    throw new Failure(
      `the network ${network.name} is up already${other ? ` (process ${other.pid}, file ${other.file})` : ''}`,
      {
        remedy: `wh reload ${network.name} takes over a changed file; wh down ${network.name} ends it`,
      },
    )
  }

  performance.mark('locked')
  const turn = await os.locks.acquire(startLock, patience)
  try {
    if (!turn) throw new Failure(`another wh up on this machine does not come to an end`)
    let links = await wireguard.links()
    const crashed = readJournal(os.files, paths.journal)
    if (crashed && !canTakeOver(crashed, links, loaded, options)) {
      log.warn('cleaning up after a crash', { interface: crashed.interface })
      await cleanup(leftovers, crashed, paths)
      links = await wireguard.links()
    }
    const prepared = sharingNoted(await survey(os, links, loaded, options), readJournals(os.files, paths.folder))
    const wanted = prepared.choices.interfaceName

    performance.mark('surveyed')
    // ---- nothing above changes the machine, but for removing what is nobody's any more ----

    keepPort(os, prepared)
    const { listenPort } = prepared.choices
    const { listenPort: before = listenPort } = crashed ?? {}
    if (before !== listenPort) await removeLeftover(os.programs, before)
    if (relayPolicy(loaded, options) === 'never') await removeLeftover(os.programs, listenPort)
    const journal: Journal = {
      network: network.name,
      file: options.file,
      pid: process.pid,
      processStart: os.machine.processStart(process.pid),
      ...(prepared.self ? { interface: wanted } : {}),
      listenPort,
      owner: prepared.owner,
      blockId: blockId(network, identity.publicKey),
      finished: false,
    }
    writeJournal(os.files, paths.journal, journal)

    const discovery = discoveryParts(os, log, prepared, options)
    const node = new Node({ os, wireguard, resolver, log, discovery }, network, identity, prepared.choices)
    const startedAt = os.clock.wall()
    const { promise: stopped, resolve, reject } = Promise.withResolvers<'over' | 'again'>()
    let stopping = false
    const stop = (end: 'over' | 'again' = 'over', heir?: string) => {
      if (!stopping) takeDown(heir).then(() => resolve(end), reject)
      stopping = true
      return stopped
    }
    const takeDown = async (heir?: string) => {
      try {
        sweep.cancel()
        belonging.stop()
        await node.stop(heir)
        await removeLeftover(os.programs, listenPort)
        if (heir === undefined) os.files.remove(paths.journal)
        else writeJournal(os.files, paths.journal, { ...journal, owner: heir, finished: true })
      } finally {
        // where something could not be undone, the journal stays and the next `wh down` tries again
        await server?.close()
        os.files.remove(paths.socket)
        lock.release()
      }
    }

    const sweep = os.clock.at(os.clock.now() + relayLeftFor, async () => {
      try {
        // who relays has taken it over
        const { backend } = (await node.discovery.inquiry.carried()) ?? {}
        if (!backend && !stopping) await removeLeftover(os.programs, listenPort)
      } catch (error) {
        log.warn('what an earlier daemon relayed may still go on', { problem: (error as Error).message })
      }
    })

    let server: { close(): Promise<void> } | undefined
    try {
      await node.start()
      belonging.live(node, { stop: () => void stop(), again: () => void stop('again') })
      performance.mark('configured')
      writeJournal(os.files, paths.journal, { ...journal, finished: true })
      const handlers = createHandlers({
        os,
        wireguard,
        node,
        options,
        prepared,
        startedAt,
        stop: () => void stop(),
        again: owner => void stop('again', owner),
      })
      server = await os.http.listen(paths.socket, request => serve(handlers, log, request))
    } catch (error) {
      // a failed start leaves nothing, whatever it had found
      sweep.cancel()
      belonging.stop()
      await node.stop().catch(() => {})
      await cleanup(leftovers, journal, paths).catch(left => log.error('could not clean up', { error: String(left) }))
      throw error
    }
    const { names, backend } = node.means
    return { ready: describe(prepared, names, backend, commands), stop: () => stop(), stopped }
  } catch (error) {
    lock.release()
    throw error
  } finally {
    turn?.release()
  }
}

/** Nodes that are asked where a call of ours is seen. */
const stunAsked = 2

/** Names what the secret is for that is made of the node's key. */
const mapperContext = new TextEncoder().encode('wirehub port mapping 1')

/** What discovery is made of on this machine. */
function discoveryParts(os: Os, log: Logger, prepared: Prepared, options: Options): NodeParts['discovery'] {
  const { network, identity, self, belonging } = prepared
  const { capture = 'auto', tcpPort, portmap = true, birthday = true } = options
  const owner = self ? 'wireguard' : 'nobody'
  return {
    os,
    store: fileStore(os.files, memoryFile(network.name, identity.publicKey), log),
    birthday,
    ...{ met: belonging.met, banned: belonging.isBanned },
    openReflector: (addresses, receive) => Reflector.open({ udp: os.udp, source: os.source, addresses, receive }),
    relay: relayPolicy(prepared, options),
    async openRelay(listenPort, receive, backend, elsewhere) {
      // only who relays needs it
      const { openRelay } = await import('../drivers/relay/open.ts')
      // a tap stands in front of the rules that lead BINDs to W
      const bindsToListenPort = backend !== 'pcap'
      return openRelay(os, log, {
        ...{ mode: 'auto', listenPort, bindsToListenPort, receive },
        ...(elsewhere && { elsewhere }),
      })
    },
    async loadMapper() {
      if (!portmap) return null
      const { PortMapper } = await import('../drivers/portmap/mapper.ts')
      return new PortMapper({ os, secret: os.crypto.hmac(identity.privateKey.scalar(), mapperContext) })
    },
    portRequired: capture !== 'auto' || !self,
    openPort: (listenPort, receive) => openControlPort(os, log, { listenPort, capture, owner }, receive),
    async loadDirectory({ listenPort, known, ...link }) {
      // large, and needed by nobody before the first tunnels are up
      const [{ createDirectory }, { connectWebSocket: connect, proxyFor }] = await Promise.all([
        import('../drivers/dht/libp2p.ts'),
        import('../os/websocket.ts'),
      ])
      const listens = webListens(prepared, options)
      const directory = await createDirectory({
        os,
        log,
        privateKey: identity.privateKey,
        namespace: network.namespace,
        workbit: network.workbit,
        tcpPort: tcpPort ?? listenPort,
        ...link,
        dataFolder: dhtFolder(network.name, identity.publicKey),
        web: { port: webPort, connect, proxyFor },
        async ice() {
          const servers = known().flatMap(({ host }) => (familyOf(host) === 4 ? { host, port: stunPort } : []))
          // where there is none, what leads to all else leads to the member
          return { servers: servers.slice(0, stunAsked), from: await os.source(servers[0]?.host ?? anywhere[4]) }
        },
        ...(listens && { certificate: await (await import('../os/certificate.ts')).selfSigned() }),
        talks: belonging.talks,
      })
      belonging.directory = directory
      return directory
    },
  }
}

/** Is what a dead daemon left finished, and just what is wanted now? Then tunnels go on; else it would only be in the way. */
function canTakeOver(crashed: Journal, links: readonly ActualLink[], loaded: Loaded, options: Options): boolean {
  if (crashed.owner !== loaded.owner) return false
  if (options.interface !== undefined && options.interface !== crashed.interface) return false
  return crashed.finished || !links.some(link => link.name === crashed.interface && link.owner === '')
}

/** Two networks may have one key, but a key has one record in the DHT of a namespace: each node would overwrite the other's. */
function sharingNoted(prepared: Prepared, running: readonly Journal[]): Prepared {
  const { network, owner } = prepared
  const key = owner.split(' ').at(-1)!
  const other = running.find(journal => journal.network !== network.name && journal.owner.endsWith(` ${key}`))
  if (!other) return prepared
  const note = `the network ${other.network} on this machine has the same key: members may take longer to find this node; make a key for each network (wh genkey)`
  return { ...prepared, notes: [...prepared.notes, note] }
}

function keepPort(os: Os, { store, choices }: Prepared): void {
  if (store === undefined) return
  try {
    os.files.folder(dirname(store), 0o700)
    os.files.write(store, `${JSON.stringify({ listenPort: choices.listenPort })}\n`, { mode: 0o600 })
  } catch (error) {
    throw new Failure(`cannot keep the port that was chosen: ${(error as Error).message}`, {
      remedy: 'say one instead: listen-port PORT',
    })
  }
}

function describe(
  { network, self, choices, notes }: Prepared,
  names: string,
  backend: string | null,
  commands: string[],
): Ready {
  return {
    network: network.name,
    ...(self ? { interface: choices.interfaceName, listenPort: choices.listenPort } : {}),
    ...(self && choices.ipv6 ? { ipv6: self.ipv6 } : {}),
    ...(self?.hostname === undefined ? {} : { hostname: self.hostname }),
    ...(self?.ipv4 === undefined ? {} : { ipv4: self.ipv4 }),
    ...(backend === null ? {} : { backend }),
    names,
    notes,
    commands,
  }
}
