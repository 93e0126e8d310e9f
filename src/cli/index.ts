/** The table of commands: one file each in `commands/`. */

import Down from './commands/down.ts'
import Pubkey from './commands/pubkey.ts'
import Reload from './commands/reload.ts'
import Resolve from './commands/resolve.ts'
import Show from './commands/show.ts'
import Up from './commands/up.ts'

export const commands = {
  down: Down,
  pubkey: Pubkey,
  reload: Reload,
  resolve: Resolve,
  show: Show,
  up: Up,
}
