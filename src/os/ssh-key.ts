/** The file of a private SSH key, decrypted: bcrypt and a cipher, by the package sshpk, which is loaded when there is such a file. */

export interface SshKeys {
  /**
   * The 32 secret bytes of an Ed25519 key (RFC 8032 §5.1.5).
   *
   * @param text in OpenSSH's own form, of an Ed25519 key
   * @throws {WrongPassphrase}, and what the package says of a file that it cannot read
   */
  open(text: string, passphrase: string | undefined): Promise<Uint8Array>
}

export class WrongPassphrase extends Error {
  override readonly name = 'WrongPassphrase'
}

export const systemSshKeys: SshKeys = {
  async open(text, passphrase) {
    const { default: sshpk } = await import('sshpk')
    let opened: ReturnType<typeof sshpk.parsePrivateKey>
    try {
      opened = sshpk.parsePrivateKey(text, 'openssh', passphrase === undefined ? {} : { passphrase })
    } catch (error) {
      // it has an error of its own for a missing passphrase only
      if (/incorrect passphrase/i.test((error as Error).message)) throw new WrongPassphrase()
      throw error
    }
    const secret = opened.parts.find(({ name }) => name === 'k')?.data
    if (opened.type !== 'ed25519' || secret?.length !== 32) throw new Error('it holds another key than it says')
    return Uint8Array.from(secret)
  },
}
