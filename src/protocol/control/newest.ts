/**
 * Tells OFFERs that are new from those that were heard before, by the times that their sender wrote on them: copies come through
 * several homes, and anybody may send again what he saw. A clock that was set back by much is believed: else its owner would not be
 * heard until it has caught up. Replays from before such a jump then pass once more; what an OFFER can cost is bounded elsewhere.
 */

import type { WallTime } from '../../base/time.ts'
import type { PublicKey } from '../identity/key.ts'
import { clockSetBack, tables } from './constants.ts'
import { Recent } from './recent.ts'

export class Newest {
  readonly #newest = new Recent<PublicKey, WallTime>(tables.offers)

  get size(): number {
    return this.#newest.size
  }

  /** Is this the first with such a time of this key? */
  isNew(key: PublicKey, at: WallTime): boolean {
    const newest = this.#newest.get(key)
    if (newest !== undefined && at <= newest && at >= newest - clockSetBack) return false
    this.#newest.set(key, at)
    return true
  }
}
