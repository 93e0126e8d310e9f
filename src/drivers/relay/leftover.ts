/** What a relay that was killed left in the kernel: nobody owns its table, so that what it relays goes on while it is away. */

import { Failure } from '../../base/failure.ts'
import type { Programs } from '../../os/run.ts'
import { tableOf } from './rules.ts'

/** Where there is no table, nothing happens. @throws a Failure where it stays */
export async function removeLeftover(programs: Pick<Programs, 'run'>, listenPort: number): Promise<void> {
  const table = ['table', 'netdev', tableOf(listenPort)]
  const { code, err } = await programs.run(['nft', 'delete', ...table])
  if (code === 0) return
  const { code: isThere } = await programs.run(['nft', 'list', ...table])
  if (isThere === 0) throw new Failure(`the table ${tableOf(listenPort)} of nftables cannot be removed: ${err.trim()}`)
}
