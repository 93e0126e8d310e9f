/** What the daemon answers: the node's state and its deeds, in the words of `api/schema.ts`. */

import type { AnswerOf } from '../api/schema.ts'
import { Failure } from '../base/failure.ts'
import { type Endpoint, familyOf, formatEndpoint } from '../base/ip.ts'
import { second } from '../base/time.ts'
import type { WireguardDriver } from '../drivers/wireguard/driver.ts'
import { formatStep, isAlive } from '../drivers/wireguard/plan.ts'
import { ownerMark } from '../node/desired.ts'
import type { Node } from '../node/node.ts'
import { reportMembers } from '../node/status.ts'
import type { Os } from '../os/index.ts'
import { type PublicKey, readPublicKey } from '../protocol/identity/key.ts'
import { workbitOf } from '../protocol/identity/workbit.ts'
import { findMember } from '../protocol/network/members.ts'
import { nearest } from '../protocol/network/problem.ts'
import type { Member } from '../protocol/network/types.ts'
import { allCarriersOf, carriersOf } from './answers/carriers.ts'
import { membershipHandlers } from './answers/membership.ts'
import { explained, inspectedPath, netchecked } from './answers/paths.ts'
import { formatKind, formatRecord, rounded } from './answers/record.ts'
import { relayed, relayingOf } from './answers/relay.ts'
import { readNetworkFile } from './network-file.ts'
import { type Options, type Prepared, relayPolicy, requireRegular, surveyAgain } from './prepare.ts'
import { installKey, readNewKey } from './rotate.ts'
import type { Handlers } from './server.ts'

export type HandlerParts = {
  readonly os: Os
  readonly wireguard: WireguardDriver
  readonly node: Node
  readonly options: Options
  readonly prepared: Prepared
  readonly startedAt: number
  readonly stop: () => void
  /** Ends, and begins again with another key: tunnels go on. @param owner its mark on the interface */
  readonly again: (owner: string) => void
}

/** How long `wh p2p` looks for a path, and then waits for the tunnel. */
const patience = 15 * second
/** How often the tunnel is looked at meanwhile. */
const lookEvery = 50

export function createHandlers(parts: HandlerParts): Handlers {
  const { os, wireguard, node, options, prepared, startedAt, stop, again } = parts
  const { identity } = prepared
  const { discovery } = node
  const { inquiry } = discovery

  async function status(): Promise<AnswerOf<'status'>> {
    const snapshot = await node.snapshot()
    const { network, desired, actual, backend } = snapshot
    const { self } = desired
    const { directory, control, nat, filtering = 'unknown', endpoints, homes } = discovery.status()
    return {
      network: network.name,
      namespace: network.namespace,
      workbit: network.workbit,
      file: options.file,
      pid: process.pid,
      startedAt,
      key: identity.publicKey,
      ownWorkbit: workbitOf(identity.publicKey, network.namespace),
      ...(self?.hostname === undefined ? {} : { hostname: self.hostname }),
      ...(self?.ipv4 === undefined ? {} : { ipv4: self.ipv4 }),
      ...(self && prepared.choices.ipv6 ? { ipv6: self.ipv6 } : {}),
      ...(desired.interface ? { interface: desired.interface.name } : {}),
      ...(desired.interface
        ? actual
          ? { listenPort: actual.listenPort }
          : {}
        : { listenPort: prepared.choices.listenPort }),
      ...(backend === null ? {} : { backend }),
      names: snapshot.names,
      dns: [...snapshot.dns],
      directory: { ...directory, rejected: { ...directory.rejected } },
      ...(control ? { control } : {}),
      ...{ nat, filtering, endpoints: endpoints.map(formatKind) },
      homes: homes.map(({ key, endpoint }) => ({
        key,
        ...hostnameOf(desired.members, key),
        ...(endpoint && { endpoint: formatEndpoint(endpoint) }),
      })),
      carriers: carriersOf(inquiry.carriers(), named(desired.members)),
      members: reportMembers(desired, actual, os.clock.wall(), key => inquiry.path(key), wayOf),
      warnings: [...prepared.notes, ...prepared.belonging.warnings, ...snapshot.warnings],
    }
  }

  /** By what carrier datagrams get there; nothing to say where they go by UDP. */
  const wayOf = ({ host }: Endpoint) => {
    const way = discovery.carriers.wayTo(host)
    return way ? { by: way } : {}
  }

  /** What this node relays, and whether it does. */
  async function carried() {
    const report = await inquiry.carried()
    return { report, relaying: relayingOf(relayPolicy(prepared, options), report, inquiry.reachable()) }
  }

  async function targetOf(name: string): Promise<{ key: PublicKey; hostname?: string; member?: Member }> {
    const { desired } = await node.snapshot()
    const member = findMember(desired.members, name)
    if (member)
      return { key: member.key, member, ...(member.hostname === undefined ? {} : { hostname: member.hostname }) }
    const read = readPublicKey(name)
    if (read.ok !== undefined) return { key: read.ok }
    const meant = meantBy(name, desired.members)
    const hint = meant === null ? '' : `; did you mean ${meant}?`
    throw new Failure(`${name} is no member of ${prepared.network.name}, and no public key${hint}`, {
      remedy: 'wh show lists the members',
    })
  }

  async function otherOf(name: string) {
    const target = await targetOf(name)
    if (target.key === identity.publicKey) throw new Failure(`${name} is this node itself`)
    return target
  }

  return {
    status,
    ...membershipHandlers({ os, node, belonging: prepared.belonging, self: identity.publicKey, targetOf }),

    async reload() {
      requireRegular(os, options.file)
      const { network: file, problems } = readNetworkFile(os.files, options.file)
      const bits = workbitOf(identity.publicKey, file.namespace)
      if (bits < file.workbit) {
        throw new Failure(`the file now asks for ${file.workbit} workbits, and this node's key has ${bits}`)
      }
      const { belonging } = prepared
      const before = belonging.file
      try {
        const network = belonging.read(file)
        await surveyAgain(os, await wireguard.links(), network, prepared)
        const { changes, steps } = await node.reload(network)
        return { changes, commands: steps.map(formatStep), warnings: problems.map(problem => problem.message) }
      } catch (error) {
        belonging.read(before)
        throw error
      }
    },

    async rotate({ file }) {
      const { network, belonging } = prepared
      const next = readNewKey(os.files, file, network, identity.publicKey)
      await belonging.rotate(next)
      const keys = { old: identity.privateKey, next }
      const installed = installKey(os.files, options, network.name, keys)
      os.files.remove(file)
      const owner = ownerMark(network, next.publicKey())
      os.clock.at(os.clock.now(), () => again(owner))
      return { key: next.publicKey(), ...installed }
    },

    async down() {
      // the answer must be on its way before the socket closes
      os.clock.at(os.clock.now(), stop)
      return { pid: process.pid }
    },

    async resolve({ name }) {
      const found = findMember((await node.snapshot()).desired.members, name)
      return {
        found: found
          ? {
              key: found.key,
              ipv6: found.ipv6,
              ...(found.hostname === undefined ? {} : { hostname: found.hostname }),
              ...(found.ipv4 === undefined ? {} : { ipv4: found.ipv4 }),
            }
          : null,
      }
    },

    async lookup({ name }) {
      const { key, hostname } = await targetOf(name)
      const began = os.clock.now()
      const steps: AnswerOf<'lookup'>['steps'] = []
      const record = await inquiry.lookUp(key, step => steps.push(step))
      return {
        key,
        ...(hostname === undefined ? {} : { hostname }),
        record: record && formatRecord(record),
        steps,
        took: os.clock.now() - began,
      }
    },

    async ping({ name }) {
      const { key, hostname } = await otherOf(name)
      const { answer, tried } = await inquiry.ping(key)
      return {
        key,
        ...(hostname === undefined ? {} : { hostname }),
        answer: answer && {
          endpoint: formatEndpoint(answer.endpoint),
          rtt: rounded(answer.rtt),
          observed: formatEndpoint(answer.observed),
        },
        tried: tried.map(formatEndpoint),
      }
    },

    async p2p({ name }) {
      const { key, hostname, member } = await targetOf(name)
      if (!member || key === identity.publicKey) {
        throw new Failure(`${name} is ${member ? 'this node itself' : 'no member, and so has no tunnel'}`)
      }
      const began = os.clock.now()
      const path = await inquiry.reach(key, patience)
      const carries = path !== null && (await answers(member, began))
      // a path that was good a moment ago is not one that is good now
      const endpoint = carries ? path : ((await inquiry.ping(key)).answer?.endpoint ?? null)
      return {
        key,
        ...(hostname === undefined ? {} : { hostname }),
        ...(endpoint ? { endpoint: formatEndpoint(endpoint) } : {}),
        carries,
        took: os.clock.now() - began,
      }
    },

    async forget({ name }) {
      const { key, hostname } = await otherOf(name)
      return {
        key,
        ...(hostname === undefined ? {} : { hostname }),
        endpoints: inquiry.forget(key).map(formatEndpoint),
      }
    },

    async netcheck() {
      const { self, members } = (await node.snapshot()).desired
      const mapping = { allowed: options.portmap ?? true, fixed: self?.endpoint !== undefined }
      const report = await inquiry.netcheck()
      const { relaying } = await carried()
      return netchecked(report, mapping, relaying, carriersOf(inquiry.carriers(), named(members)))
    },

    async relay() {
      const { desired } = await node.snapshot()
      const called = named(desired.members)
      return relayed({
        ...(await carried()),
        hostnameOf: key => hostnameOf(desired.members, key),
        through: desired.members.flatMap(({ key }) => {
          const found = inquiry.relayOf(key)
          if (!found) return []
          const { relay, endpoint } = found
          return [{ ...called(key), relay: called(relay), endpoint: formatEndpoint(endpoint), ...wayOf(endpoint) }]
        }),
        ports: discovery.status().homes.flatMap(({ key, endpoint, relay }) => {
          if (!endpoint || relay === undefined) return []
          return [{ ...called(key), endpoint: formatEndpoint({ host: endpoint.host, port: relay }) }]
        }),
        carriers: allCarriersOf(inquiry.carriers(), called, key => desired.members.some(member => member.key === key)),
      })
    },

    async explain({ name }) {
      const { key, hostname, member } = await otherOf(name)
      if (!member) {
        throw new Failure(`${name} is not in ${options.file}: there is no path to it`, {
          remedy: `a line "trust NAME ${key}" there, and one for this node in its file, make it a member`,
        })
      }
      if (member.role === 'alias') throw new Failure(`${name} is invited only: an alias line has no tunnel`)
      const { actual, desired } = await node.snapshot()
      const handshake = actual?.peers.find(peer => peer.key === key)?.latestHandshake
      const subject = await inquiry.subject(key, {
        own: desired.self?.hostname ?? 'this node',
        peer: hostname ?? `${key.slice(0, 10)}…`,
        called: other => hostnameOf(desired.members, other).hostname ?? `${other.slice(0, 10)}…`,
        ...(handshake === undefined ? {} : { latestHandshake: handshake }),
      })
      if (!subject) throw new Failure(`${name} has no path: this node is a helper, without tunnels`)
      return { ...explained(key, hostname, subject), ...(subject.view.endpoint && wayOf(subject.view.endpoint)) }
    },

    async inspect() {
      const { desired } = await node.snapshot()
      const peers = desired.members.filter(member => member !== desired.self && member.role !== 'alias')
      return {
        status: await status(),
        refused: { ...inquiry.refused() },
        peers: peers.map(({ key, hostname }) => {
          const record = inquiry.record(key)
          return {
            key,
            ...(hostname === undefined ? {} : { hostname }),
            ...inspectedPath(inquiry.path(key), os.clock.now()),
            record: record && formatRecord(record),
          }
        }),
      }
    },
  }

  /**
   * Sends into the tunnel until something comes out of it: a handshake, an ICMP error from the port where nobody listens, or, where a
   * firewall drops that, WireGuard's own keepalive within 10 s.
   */
  async function answers({ key, ipv4, ipv6 }: Member, began: number): Promise<boolean> {
    const { name, addresses } = (await node.snapshot()).desired.interface!
    const to = ipv4 ?? ipv6
    const own = addresses.map(address => address.split('/')[0]!).find(address => familyOf(address) === familyOf(to))
    const peer = async () => (await wireguard.peers(name)).find(each => each.key === key)
    const before = (await peer())?.received ?? 0
    const socket = await os.udp.bind(own!, 0, () => {})
    try {
      while (os.clock.now() - began < patience) {
        // RFC 863: the discard port
        socket.send(new Uint8Array(1), { host: to, port: 9 })
        await new Promise<void>(done => os.clock.at(os.clock.now() + lookEvery, done))
        const now = await peer()
        if (now && now.received !== before && isAlive(now, os.clock.wall())) return true
      }
      return false
    } finally {
      socket.close()
    }
  }
}

function hostnameOf(members: readonly Member[], key: PublicKey): { hostname?: string } {
  const hostname = members.find(member => member.key === key)?.hostname
  return hostname === undefined ? {} : { hostname }
}

const named = (members: readonly Member[]) => (key: PublicKey) => ({ key, ...hostnameOf(members, key) })

/** The member whose first label it is, or whose name is near. */
function meantBy(name: string, members: readonly Member[]): string | null {
  const names = members.flatMap(({ hostname }) => (hostname === undefined ? [] : [hostname]))
  const first = (hostname: string) => hostname.toLowerCase().split('.')[0]!
  const whole = names.find(hostname => first(hostname) === name.toLowerCase())
  if (whole !== undefined || names.length === 0) return whole ?? null
  const near =
    nearest(
      name,
      names.map(hostname => hostname.toLowerCase()),
    ) ?? nearest(name, names.map(first))
  return names.find(hostname => hostname.toLowerCase() === near || first(hostname) === near) ?? null
}
