/** Where somebody who joins can begin: what a token says. */

import type { Node } from '../../node/node.ts'
import type { Place } from '../../node/offers.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import { placesLimit } from '../../protocol/membership/token.ts'
import { isPrivate } from '../../protocol/path/own-endpoints.ts'

/** The surest first: what the file says of this node, its public addresses, members that anybody reaches, a mapped port, its own link. */
export function placesFor({ discovery }: Node, self: PublicKey, isMember: (key: PublicKey) => boolean): Place[] {
  const { endpoints, nat } = discovery.status()
  const own = (kinds: readonly string[], isRight: (host: string) => boolean = () => true) =>
    endpoints.flatMap(({ kind, endpoint }) =>
      kinds.includes(kind) && isRight(endpoint.host) ? [{ key: self, endpoint }] : [],
    )
  const others = discovery.inquiry.open().filter(({ key }) => key !== self && isMember(key))
  const places = [
    ...own(['fixed']),
    ...(nat === 'none' ? own(['host', 'reflexive'], host => !isPrivate(host)) : []),
    ...others,
    ...own(['mapped']),
    ...own(['host'], host => !isPrivate(host)),
    ...own(['host']),
  ]
  const seen = new Set<string>()
  return places.filter(({ endpoint: { host } }) => !seen.has(host) && seen.add(host)).slice(0, placesLimit)
}
