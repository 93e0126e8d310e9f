/** Networks and network files for tests: keys that anyone can make again, and generators for `fast-check`. */

import fc from 'fast-check'
import { fromNumber, parsePrefix } from '../../../src/base/ip.ts'
import { PrivateKey, type PublicKey } from '../../../src/protocol/identity/key.ts'
import type { Network, NodeEntry, Role } from '../../../src/protocol/network/types.ts'
import { readMemberName } from '../../../src/protocol/network/values.ts'

/** Public keys of the private keys 1, 2, 3, …; without work. */
export const keys: readonly PublicKey[] = Array.from({ length: 24 }, (_, i) =>
  new PrivateKey(new Uint8Array(32).fill(i + 1)).publicKey(),
)

/** Keys that the first WireHub made, with the work they have. */
export const wirehub = {
  boot: 'P17zMwXJFbBdJEn05RFIMADw9TX5_m2xgf31OgNKX3w',
  a: 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4',
  b: 'eIix5ldvqDzOIrG9ViKTe9TSBlF4g9nUwKi20C06hFM',
  c: 'kKZzuIm11zkBSHL9ETRwEthIBbLTvz840F_k4mhI_Hs',
} as const

const label = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,12}[A-Za-z0-9])?$/)
const hostname = fc
  .array(label, { minLength: 1, maxLength: 3 })
  .map(labels => labels.join('.'))
  .filter(name => readMemberName(name).ok !== undefined)
const port = fc.oneof(fc.constant(62096), fc.integer({ min: 1, max: 65535 }))
const host = fc.oneof(hostname, fc.constantFrom('12.34.56.78', '127.0.0.1', '2001:db8::1', 'fd00::5:1'))
const endpoint = fc.record({ host, port }, { noNullPrototype: true })

/** A network that may stand in a file. */
export const networks: fc.Arbitrary<Network> = fc
  .record({
    name: fc.stringMatching(/^[A-Za-z0-9][\w.-]{0,20}$/),
    namespace: fc.oneof(fc.constant('public'), fc.stringMatching(/^[!-"$-~é][!-~é]{0,20}$/)),
    workbit: fc.integer({ min: 0, max: 64 }),
    subnet: fc.boolean(),
    nodes: fc.array(
      fc.record({
        role: fc.constantFrom<Role>('boot', 'peer', 'trust', 'router', 'alias', 'admin'),
        hostname: fc.option(hostname, { nil: undefined }),
        fixed: fc.boolean(),
        endpoint: fc.option(endpoint, { nil: undefined }),
      }),
      { maxLength: keys.length },
    ),
  })
  .map(({ name, namespace, workbit, subnet, nodes }) => {
    const seen = new Set<string>()
    const entries = nodes.map(({ role, hostname, fixed, endpoint }, i): NodeEntry => {
      const fresh = hostname !== undefined && !seen.has(hostname.toLowerCase())
      if (fresh) seen.add(hostname.toLowerCase())
      const given = role === 'admin' ? undefined : endpoint
      const place = role === 'boot' ? (endpoint ?? { host: '12.34.56.78', port: 62096 }) : given
      const address =
        fixed && subnet && ['trust', 'router', 'alias'].includes(role) ? fromNumber(0x0a002a64 + i) : undefined
      return {
        role,
        key: keys[i]!,
        ...(fresh && { hostname }),
        ...(address && { address }),
        ...(place && { endpoint: place }),
      }
    })
    return { name, namespace, workbit, ...(subnet && { subnet: parsePrefix('10.0.42.0/24')! }), nodes: entries }
  })

const comment = fc.stringMatching(/^# ?[ -~äλ]{0,20}$/).map(text => text.trimEnd())
const blanks = fc.constantFrom(' ', '  ', '\t', '   ')

/** A right file in the line form, with comments, blank lines and odd spacing. `settingsFirst` keeps settings above nodes. */
export function confFiles(settingsFirst: boolean): fc.Arbitrary<string> {
  return networks.chain(network => {
    const settings = [`name ${network.name}`, `workbit ${network.workbit}`]
    if (network.subnet) settings.push('subnet 10.0.42.9/24')
    const nodes = network.nodes.map(({ role, hostname, address, key, endpoint }) => {
      const place = endpoint && `${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`
      return [role, address, hostname, key, place].filter(word => word !== undefined).join(' ')
    })
    const order = settingsFirst
      ? fc.constant([...settings, ...nodes])
      : fc.shuffledSubarray([...settings, ...nodes], { minLength: settings.length + nodes.length })
    return order.chain(lines => {
      const decorated = lines.map(line =>
        fc
          .tuple(fc.array(fc.oneof(comment, fc.constant('')), { maxLength: 3 }), blanks, fc.option(comment))
          .map(([above, blank, beside]) =>
            [...above, line.replaceAll(' ', blank) + (beside === null ? '' : ` ${beside}`)].join('\n'),
          ),
      )
      const tail = fc.array(comment, { maxLength: 2 })
      const ends = fc.constantFrom('\n', '\r\n')
      return fc.tuple(fc.tuple(...decorated), tail, ends).map(([texts, tail, end]) => {
        return `${[...texts, ...tail].join('\n')}\n`.replaceAll('\n', end)
      })
    })
  })
}

/** The comments of a file in either syntax, sorted. */
export function commentsOf(items: readonly { kind: string; text?: string; comment?: string | undefined }[]): string[] {
  return items.flatMap(item => (item.kind === 'comment' ? item.text! : (item.comment ?? []))).sort()
}
