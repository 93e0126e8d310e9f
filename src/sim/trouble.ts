/** What happens to a world whose members have found each other: one thing, to one of them. */

import { second, type Time } from '../base/time.ts'
import type { Drawing } from './draw.ts'
import type { Happening } from './world.ts'

const kinds = ['roam', 'roam', 'restart', 'flush', 'suspend', 'stop', 'cut'] as const

/** @param at when */
export function troubles(draw: Drawing, at: Time): Happening[] {
  const host = draw.pick(draw.hosts)
  const kind = draw.pick(kinds)
  if (kind === 'roam') {
    const to = draw.place()
    return [{ at, kind, host: host.name, to, ...draw.addressAt(to) }]
  }
  if (kind === 'suspend' || kind === 'stop') return [{ at, kind, host: host.name, time: 60 * second }]
  if (kind === 'cut') return [{ at, kind, name: host.name, time: draw.pick([3, 10, 40]) * second }]
  // the router of the host, and of that one its own in turn, perhaps
  const router = draw.routers.find(({ name }) => name === host.at)
  if (!router) return []
  if (kind === 'flush') return [{ at, kind, router: router.name }]
  const outside = router.at === 'internet' ? draw.public() : draw.addressAt(router.at).ipv4
  return [{ at, kind, router: router.name, outside }]
}
