/** The table of commands: one file each in `commands/`. */

import Pubkey from './commands/pubkey.ts'

export const commands = {
  pubkey: Pubkey,
}
