/**
 * Names for those who come by a carrier, or are called by one: each is an endpoint, so that all that knows endpoints (tokens, bindings, candidates, budgets) knows
 * guests, too. Addresses of documentation (3fff::/20, RFC 9637), which no router forwards: what leaves for one by mistake goes nowhere. A /64
 * each, since an IPv6 /64 is what one customer counts for.
 */

import { type Address, contains, type Endpoint, parseAddress, parsePrefix } from '../../base/ip.ts'
import { wireguardPort } from './frame.ts'

const prefix = parsePrefix('3fff:fff::/32')!

/** @param number from 0, below 2^32 */
export function guestEndpoint(number: number): Endpoint {
  const [high, low] = [Math.floor(number / 0x1_0000), number % 0x1_0000]
  return { host: parseAddress(`3fff:fff:${high.toString(16)}:${low.toString(16)}::1`)!, port: wireguardPort }
}

export const isGuest = (host: Address): boolean => contains(prefix, host)
