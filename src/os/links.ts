/**
 * Addresses of this machine, and when they change. `ip monitor` says that something did; what counts is compared here, because
 * routers renew IPv6 addresses every few minutes and nothing is different afterwards. Without `ip monitor`, we look ourselves.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { type Address, type Family, familyOf, parseAddress } from '../base/ip.ts'
import { second } from '../base/time.ts'
import { systemPrograms } from './run.ts'

/** An address of an interface that is up. */
export type LinkAddress = {
  readonly interface: string
  readonly address: Address
  /** Of its network's prefix. */
  readonly length: number
  readonly family: Family
  readonly loopback: boolean
  /** `fe80::/10` and `169.254.0.0/16`. */
  readonly linkLocal: boolean
  /** The interface can do multicast; tunnels mostly cannot. */
  readonly multicast: boolean
  /** It leads to one other machine and has no neighbours: a tunnel, a modem. */
  readonly pointToPoint: boolean
}

export interface Links {
  /** All there are; nothing is left out. */
  addresses(): LinkAddress[]
  /** Calls as soon as addresses or default routes have changed, and once more for changes that come together with the first. */
  watch(changed: () => void): { close(): void }
}

/** Changes come in groups: a cable is plugged in, an address comes, a route, and 1 s later IPv6. The first is worth a call at once, the others one together. */
const settleTime = 200
/** Looked at so often even if nobody says that something changed, ms: `ip monitor` may be missing, or have died. */
const lookEvery = 5 * second

/** IFF_POINTOPOINT and IFF_MULTICAST, from Linux's if.h. */
const interfaceFlags = { pointToPoint: 0x10, multicast: 0x1000 } as const

function flagsOf(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/flags`, 'utf8'))
  } catch {
    return interfaceFlags.multicast // another system; trying costs nothing
  }
}

function addresses(): LinkAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries = []]) => {
    const flags = flagsOf(name)
    return entries.flatMap(({ address: text, cidr, internal }) => {
      const address = parseAddress(text)
      if (!address) return []
      const family = familyOf(address)
      return {
        interface: name,
        address,
        length: Number(cidr?.split('/')[1] ?? (family === 4 ? 32 : 128)),
        family,
        loopback: internal,
        linkLocal: family === 4 ? address.startsWith('169.254.') : /^fe[89ab]/.test(address),
        multicast: (flags & interfaceFlags.multicast) !== 0,
        pointToPoint: (flags & interfaceFlags.pointToPoint) !== 0,
      }
    })
  })
}

/** Default routes as device and gateway, without what the kernel counts and lets expire. */
function defaultRoutes(): string[] {
  const lines = (path: string) => {
    try {
      return readFileSync(path, 'utf8').split('\n')
    } catch {
      return []
    }
  }
  const v4 = lines('/proc/net/route')
    .map(line => line.split('\t'))
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .map(([device, , gateway]) => `${device} ${gateway}`)
  const v6 = lines('/proc/net/ipv6_route')
    .map(line => line.trim().split(/\s+/))
    .filter(
      ([destination, length, , , , , , , , device]) => length === '00' && /^0+$/.test(destination!) && device !== 'lo',
    )
    .map(([, , , , gateway, , , , , device]) => `${device} ${gateway}`)
  return [...v4, ...v6]
}

function state(): string {
  const here = addresses().map(({ interface: name, address, length }) => `${name} ${address}/${length}`)
  return [...here.sort(), ...defaultRoutes().sort()].join('\n')
}

/** Reports every event that the kernel tells, whatever it is. It ends with us even if we are killed, where `setpriv` is there to see to it. */
function startMonitor(event: () => void): ChildProcess | null {
  const ip = systemPrograms.find('ip')
  if (!ip) return null
  const setpriv = systemPrograms.find('setpriv')
  const argv = [...(setpriv ? [setpriv, '--pdeathsig', 'KILL'] : []), ip, 'monitor', 'address', 'route']
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] })
  child.on('error', () => {})
  child.stdout.on('data', event)
  child.unref()
  ;(child.stdout as unknown as { unref(): void }).unref()
  return child
}

export const systemLinks: Links = {
  addresses,
  watch(changed) {
    let before = state()
    let settling: NodeJS.Timeout | null = null
    const look = () => {
      const now = state()
      if (now === before) return
      before = now
      changed()
    }
    const event = () => {
      if (settling) return
      settling = setTimeout(() => {
        settling = null
        look()
      }, settleTime).unref()
      look()
    }
    const child = startMonitor(event)
    const timer = setInterval(event, lookEvery).unref()
    return {
      close() {
        child?.kill('SIGKILL')
        clearInterval(timer)
        if (settling) clearTimeout(settling)
      },
    }
  },
}
