/** Values that many answers have (schema.ts). */

import * as z from 'zod'

export const key = z.string().length(43).describe('public key, base64url without padding')
export const endpoint = z.string().describe('address:port')
export const wallTime = z.number().describe('milliseconds since 1970 UTC')

export const Peer = { key, hostname: z.string().optional().describe('absent where the key is in no file') }

export const Nat = z
  .enum(['unknown', 'none', 'endpoint-independent', 'endpoint-dependent'])
  .describe('how the NAT before the node maps ports (RFC 4787 §4.1)')

export const Filtering = z
  .enum(['unknown', 'none', 'endpoint-independent', 'address-dependent', 'address-and-port-dependent'])
  .describe('whom the NAT, or a firewall, lets in (RFC 4787 §5)')
