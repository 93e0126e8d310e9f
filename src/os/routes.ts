/** The routers through which this machine's IPv4 packets leave for everywhere. */

import { readFileSync } from 'node:fs'
import { type Address, addressOf } from '../base/ip.ts'

/** A router on one of our links. */
export type Gateway = { readonly interface: string; readonly address: Address }

export interface Routes {
  /** Those of IPv4's default routes (main table), the one that is used first. Routes without a router, as tunnels have, are none. */
  gateways(): Gateway[]
}

/** RTF_GATEWAY, from Linux's route.h. */
const gatewayFlag = 2

/** The kernel prints addresses as numbers of its own byte order, which is little-endian on all we run on. */
const addressOfHex = (hex: string) =>
  addressOf(Uint8Array.from(hex.match(/../g)!, byte => Number.parseInt(byte, 16)).reverse())

/** Reads `/proc/net/route`. */
export function parseGateways(text: string): Gateway[] {
  return text
    .split('\n')
    .slice(1)
    .map(line => line.split('\t'))
    .filter(
      ([, to, via, flags, , , , mask]) =>
        to === '00000000' &&
        mask === '00000000' &&
        /^[\dA-F]{8}$/.test(via!) &&
        Number.parseInt(flags!, 16) & gatewayFlag,
    )
    .sort((a, b) => Number(a[6]) - Number(b[6]))
    .map(([name, , via]) => ({ interface: name!, address: addressOfHex(via!) }))
}

export const systemRoutes: Routes = {
  gateways() {
    try {
      return parseGateways(readFileSync('/proc/net/route', 'utf8'))
    } catch {
      return [] // no IPv4 here
    }
  },
}
