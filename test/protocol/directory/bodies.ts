// Bodies of records as fast-check draws them: every one that may be written.

import fc from 'fast-check'
import { addressOf } from '../../../src/base/ip.ts'
import type { EndpointKind, Filtering, NatKind, RecordBody } from '../../../src/protocol/directory/record-body.ts'
import { PrivateKey } from '../../../src/protocol/identity/key.ts'

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
/** `deepEqual` minds prototypes. */
const plain = { noNullPrototype: true } as const

const ipv4 = fc
  .tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255), fc.nat(255), fc.nat(255))
  .map(parts => parts.join('.'))
const ipv6 = exactly(15).map(rest => addressOf(Uint8Array.of(0x20, ...rest)))
/** An address that a machine may have. */
export const host = fc.oneof(ipv4, ipv6)
export const port = fc.integer({ min: 1, max: 65_535 })
const endpoint = fc.record({ host, port }, plain)
const kind = fc.constantFrom<EndpointKind>('fixed', 'host', 'mapped', 'reflexive')
const nat = fc.constantFrom<NatKind>('unknown', 'none', 'endpoint-independent', 'endpoint-dependent')
const filtering = fc.constantFrom<Filtering>(
  ...(['none', 'endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const),
)
const key = exactly(32).map(bytes => new PrivateKey(bytes).publicKey())

export const recordBody: fc.Arbitrary<RecordBody> = fc.record(
  {
    nat,
    endpoints: fc.array(fc.record({ kind, endpoint }, plain), { maxLength: 16 }),
    homes: fc.array(fc.record({ key, endpoint, relay: port }, { ...plain, requiredKeys: ['key'] }), { maxLength: 3 }),
    filtering,
    hairpins: fc.constant(true),
    keepsPort: fc.constant(true),
  },
  { ...plain, requiredKeys: ['nat', 'endpoints', 'homes'] },
)
