/**
 * UPnP Internet Gateway Device: asked for by multicast and of the router itself, described in XML, spoken to in SOAP over HTTP. All of
 * it only with the router that our packets leave through.
 */

import { formatEndpoint, parseAddress } from '../../base/ip.ts'
import { second, type Time } from '../../base/time.ts'
import type { Os } from '../../os/index.ts'
import { ask } from './ask.ts'
import { type Arguments, encodeAction, longestXml, readAction, readDescription, type Service } from './igd.ts'
import { type Answered, type Grant, noAnswer, type Place, type Protocol, type Wanted } from './protocol.ts'
import { readAnswer, searches, searchSeconds, ssdpGroup } from './ssdp.ts'

/** For one question; a router's web server is slow, and one hop away. */
const patience: Time = 2 * second
/** External ports that are tried. */
const tries = 4
/** Entries of the router's table that are looked through for what a run of ours left. */
const entriesRead = 64

/** WANIPConnection:2 §2.5.1.3 and the actions' tables. */
const errors: Record<number, string> = {
  402: 'invalid arguments',
  501: 'action failed',
  606: 'not authorized',
  718: 'the port is taken',
  724: 'only the same port outside',
  725: 'only permanent mappings',
  728: 'no port is free',
  729: 'conflict with other mechanisms',
}
const conflicts = [718, 729]
const onlyPermanent = 725

export type UpnpParts = {
  readonly os: Pick<Os, 'udp' | 'clock' | 'web' | 'random'>
  readonly place: Place
  /** By which the owner and we know our mappings in the router's table. */
  readonly description: string
}

export function upnp({ os, place, description }: UpnpParts): Protocol {
  const { own, gateway } = place
  let service: Service | null = null
  /** What it said of leases: some routers know but mappings for ever. */
  let permanent = false

  /** Answers go to who is asked alone, where a firewall of ours stands; but some routers hear only the multicast. */
  async function search(signal: AbortSignal) {
    const packets = searches().flatMap(bytes =>
      [ssdpGroup, { host: gateway, port: ssdpGroup.port }].map(to => ({ bytes, to })),
    )
    const read = (bytes: Uint8Array) => readAnswer(bytes, gateway)
    return ask(
      os,
      { from: own, answerer: { host: gateway, port: 0 }, packets, read, delay: searchSeconds * second },
      signal,
    )
  }

  async function act(action: string, values: Arguments, signal: AbortSignal) {
    if (!service) return null
    const { type, control } = service
    const answer = await os.web.ask(
      control.endpoint,
      {
        method: 'POST',
        path: control.path,
        headers: { 'content-type': 'text/xml; charset="utf-8"', soapaction: `"${type}#${action}"` },
        body: encodeAction(type, action, values),
      },
      { time: patience, bytes: longestXml, from: own, signal },
    )
    return answer && readAction(answer.body, action)
  }

  async function externalAddress(signal: AbortSignal): Promise<Answered<string>> {
    const answer = await act('GetExternalIPAddress', {}, signal)
    if (answer === null) return { problem: noAnswer }
    if (typeof answer === 'number') return problem(answer)
    const address = parseAddress(answer.NewExternalIPAddress ?? '')
    return address === null || address === '0.0.0.0' ? { problem: 'the router is offline' } : { ok: address }
  }

  const problem = (code: number) => ({ problem: `refused: ${errors[code] ?? `error ${code}`}` })
  const ours = (externalPort: number) => ({ NewRemoteHost: '', NewExternalPort: externalPort, NewProtocol: 'UDP' })

  async function add(port: number, externalPort: number, lifetime: Time, signal: AbortSignal) {
    const values = {
      ...ours(externalPort),
      NewInternalPort: port,
      NewInternalClient: own,
      NewEnabled: 1,
      NewPortMappingDescription: description,
    }
    const added = await act(
      'AddPortMapping',
      { ...values, NewLeaseDuration: permanent ? 0 : Math.ceil(lifetime / second) },
      signal,
    )
    if (added !== onlyPermanent || permanent) return added
    permanent = true
    return act('AddPortMapping', { ...values, NewLeaseDuration: 0 }, signal)
  }

  async function tidy({ port, externalPort }: Wanted, signal: AbortSignal): Promise<void> {
    const left: number[] = []
    for (let index = 0; index < entriesRead; index++) {
      const entry = await act('GetGenericPortMappingEntry', { NewPortMappingIndex: index }, signal)
      if (entry === null || typeof entry === 'number') break
      const there = Number(entry.NewExternalPort)
      const mine = entry.NewPortMappingDescription === description && entry.NewInternalClient === own
      const used = there === externalPort && Number(entry.NewInternalPort) === port
      if (mine && !used && entry.NewProtocol === 'UDP' && there > 0 && there < 65_536) left.push(there)
    }
    // not while it was read: that would have moved the entries behind it
    for (const there of left) await act('DeletePortMapping', ours(there), signal)
  }

  return {
    name: 'upnp',

    async look(signal) {
      service = null
      const found = await search(signal)
      if (!found) return { problem: noAnswer }
      const { endpoint, path } = found
      const described = await os.web.ask(
        endpoint,
        { method: 'GET', path },
        { time: patience, bytes: longestXml, from: own, signal },
      )
      if (!described) return { problem: 'found, but its description cannot be had' }
      let problem = 'found, but it has no service that maps ports'
      for (const candidate of readDescription(described.body, gateway, `http://${formatEndpoint(endpoint)}${path}`)) {
        service = candidate
        const external = await externalAddress(signal)
        if (external.ok !== undefined) return { ok: { external: external.ok } }
        problem = external.problem
      }
      service = null
      return { problem }
    },

    async map({ port, externalPort, lifetime }: Wanted, signal): Promise<Answered<Grant>> {
      const host = await externalAddress(signal)
      if (host.ok === undefined) return host
      let answer: Awaited<ReturnType<typeof add>> = null
      for (let i = 0, there = externalPort; i < tries; i++, there = os.random.int(1_024, 65_536)) {
        answer = await add(port, there, lifetime, signal)
        if (answer === null) return { problem: noAnswer }
        if (typeof answer === 'number' && conflicts.includes(answer)) continue
        if (typeof answer === 'number') return problem(answer)
        return { ok: { external: { host: host.ok, port: there }, lifetime } }
      }
      return problem(conflicts[0]!)
    },

    async unmap({ externalPort }, signal) {
      const answer = await act('DeletePortMapping', ours(externalPort), signal)
      return answer !== null && typeof answer !== 'number'
    },

    tidy,
  }
}
