/** The table of commands: one file each in `commands/`. */

import Check from './commands/check.ts'
import Down from './commands/down.ts'
import Explain from './commands/explain.ts'
import Fmt from './commands/fmt.ts'
import Forget from './commands/forget.ts'
import Genkey from './commands/genkey.ts'
import Id from './commands/id.ts'
import Import from './commands/import.ts'
import Inspect from './commands/inspect.ts'
import Lookup from './commands/lookup.ts'
import Netcheck from './commands/netcheck.ts'
import P2p from './commands/p2p.ts'
import Ping from './commands/ping.ts'
import Pubkey from './commands/pubkey.ts'
import Relay from './commands/relay.ts'
import Reload from './commands/reload.ts'
import Resolve from './commands/resolve.ts'
import Show from './commands/show.ts'
import Sim from './commands/sim.ts'
import Up from './commands/up.ts'
import Workbit from './commands/workbit.ts'

export const commands = {
  check: Check,
  down: Down,
  explain: Explain,
  fmt: Fmt,
  genkey: Genkey,
  forget: Forget,
  id: Id,
  import: Import,
  inspect: Inspect,
  lookup: Lookup,
  netcheck: Netcheck,
  p2p: P2p,
  ping: Ping,
  pubkey: Pubkey,
  relay: Relay,
  reload: Reload,
  resolve: Resolve,
  show: Show,
  sim: Sim,
  up: Up,
  workbit: Workbit,
}
