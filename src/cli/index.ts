/** The table of commands: one file each in `commands/`. */

import Admin from './commands/admin.ts'
import Admit from './commands/admit.ts'
import Check from './commands/check.ts'
import Down from './commands/down.ts'
import Explain from './commands/explain.ts'
import Extend from './commands/extend.ts'
import Fmt from './commands/fmt.ts'
import Forget from './commands/forget.ts'
import Genkey from './commands/genkey.ts'
import Id from './commands/id.ts'
import Import from './commands/import.ts'
import Init from './commands/init.ts'
import Inspect from './commands/inspect.ts'
import Invite from './commands/invite.ts'
import Join from './commands/join.ts'
import Leave from './commands/leave.ts'
import Log from './commands/log.ts'
import Lookup from './commands/lookup.ts'
import Members from './commands/members.ts'
import Netcheck from './commands/netcheck.ts'
import P2p from './commands/p2p.ts'
import Ping from './commands/ping.ts'
import Pubkey from './commands/pubkey.ts'
import Relay from './commands/relay.ts'
import Reload from './commands/reload.ts'
import Rename from './commands/rename.ts'
import Resolve from './commands/resolve.ts'
import Revoke from './commands/revoke.ts'
import Rotate from './commands/rotate.ts'
import Show from './commands/show.ts'
import Sim from './commands/sim.ts'
import Token from './commands/token.ts'
import Up from './commands/up.ts'
import Withdraw from './commands/withdraw.ts'
import Workbit from './commands/workbit.ts'

export const commands = {
  admin: Admin,
  admit: Admit,
  check: Check,
  down: Down,
  explain: Explain,
  extend: Extend,
  fmt: Fmt,
  forget: Forget,
  genkey: Genkey,
  id: Id,
  import: Import,
  init: Init,
  inspect: Inspect,
  invite: Invite,
  join: Join,
  leave: Leave,
  log: Log,
  lookup: Lookup,
  members: Members,
  netcheck: Netcheck,
  p2p: P2p,
  ping: Ping,
  pubkey: Pubkey,
  relay: Relay,
  reload: Reload,
  rename: Rename,
  resolve: Resolve,
  revoke: Revoke,
  rotate: Rotate,
  show: Show,
  sim: Sim,
  token: Token,
  up: Up,
  withdraw: Withdraw,
  workbit: Workbit,
}
