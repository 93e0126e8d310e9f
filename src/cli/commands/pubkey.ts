/** `wh pubkey`: private key in, public key out. */

import { Failure } from '../../base/failure.ts'
import { readPrivateKey } from '../../protocol/identity/key.ts'
import { WhCommand } from '../command.ts'
import { wordFromStdin } from '../stdin.ts'

export default class Pubkey extends WhCommand {
  static override summary = 'Print the public key of the private key on standard input'
  static override description =
    'Writes the form of network files: base64url without padding, 43 characters. `wg` writes the same 32 bytes in standard base64.'
  static override examples = [
    '<%= config.bin %> pubkey < private.key',
    '<%= config.bin %> genkey | <%= config.bin %> pubkey',
  ]

  async run(): Promise<void> {
    await this.parse(Pubkey)
    const read = readPrivateKey(await wordFromStdin('a private key'))
    if (!read.ok) throw new Failure(`not a private key: ${read.problem}`)
    this.log(read.ok.publicKey())
  }
}
