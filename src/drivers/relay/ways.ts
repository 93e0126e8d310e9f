/** How this machine's packets come in and leave, as `ip` tells it. */

import { type Address, familyOf, parseAddress } from '../../base/ip.ts'
import type { Programs } from '../../os/run.ts'
import type { Device, Way } from './rules.ts'

export type Surroundings = { readonly devices: readonly Device[]; readonly here: readonly Address[] }

/** Devices that have an address, the loopback one left out, and all their addresses. */
export async function surroundings(programs: Programs): Promise<Surroundings> {
  const { code, out } = await programs.run(['ip', '-json', 'address', 'show'])
  return code === 0 ? parseSurroundings(out) : { devices: [], here: [] }
}

type Shown = { ifindex: number; ifname: string; flags?: string[]; addr_info?: { local?: string }[] }

export function parseSurroundings(text: string): Surroundings {
  const shown = arrays(text).filter(isShown)
  const used = shown.flatMap(({ ifindex: index, ifname: name, flags = [], addr_info: infos = [] }) => {
    const addresses = infos.flatMap(({ local }) => (local === undefined ? [] : (parseAddress(local) ?? [])))
    if (flags.includes('LOOPBACK') || addresses.length === 0 || !isPlain(name)) return []
    return [{ device: { index, name }, addresses }]
  })
  return {
    devices: used.map(({ device }) => device).sort((a, b) => a.index - b.index),
    here: [...new Set(used.flatMap(({ addresses }) => addresses))].filter(isRoutable).sort(),
  }
}

/** The ways to these addresses, of those to which a packet can be handed over to another machine. */
export async function waysTo(programs: Programs, to: Iterable<Address>): Promise<Map<Address, Way>> {
  const lines = [...new Set(to)].map(address => `route get ${address}\n`)
  if (lines.length === 0) return new Map()
  // -force: one address without a route is no reason to leave out the others
  const { out } = await programs.run(['ip', '-json', '-force', '-batch', '-'], { input: lines.join('') })
  return parseWays(out)
}

type Got = { dst: string; dev: string; prefsrc: string; gateway?: string; via?: unknown; type?: string }

export function parseWays(text: string): Map<Address, Way> {
  return new Map(
    arrays(text)
      .filter(isGot)
      .flatMap(({ dst, dev: device, prefsrc, gateway = dst, via, type = 'unicast' }): [Address, Way][] => {
        const [to, source, hop] = [parseAddress(dst), parseAddress(prefsrc), parseAddress(gateway)]
        // `via`: a router of the other family, which nft cannot hand IPv4 to
        if (!to || !source || !hop || via !== undefined || type !== 'unicast' || !isPlain(device)) return []
        if (familyOf(hop) !== familyOf(to)) return []
        return [[to, { source, hop, device }]]
      }),
  )
}

/** A batch prints an array for each of its lines. */
function arrays(text: string): unknown[] {
  return text.split('\n').flatMap((line): unknown[] => {
    try {
      const value: unknown = JSON.parse(line)
      return Array.isArray(value) ? value : []
    } catch {
      return []
    }
  })
}

const isShown = (it: unknown): it is Shown =>
  typeof it === 'object' && it !== null && 'ifindex' in it && 'ifname' in it && typeof it.ifname === 'string'

const isGot = (it: unknown): it is Got =>
  typeof it === 'object' && it !== null && 'dst' in it && 'dev' in it && 'prefsrc' in it

/** The kernel allows almost any name; nft's language has quotation marks, and no way to escape one. */
const isPlain = (name: string) => /^[^"\\\s]+$/.test(name)

/** Link-local ones are no relay's address, and stand on several devices. */
const isRoutable = (address: Address) => !address.startsWith('fe80:')
