/**
 * The secret of an invite: 16 random bytes, from which its Ed25519 key follows. Who has them proves it by signing his own key.
 */

import { ed25519 } from '@noble/curves/ed25519.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type PublicKey, publicKeyBytes } from '../identity/key.ts'
import { idBytes } from './fields.ts'
import { inviteMessage } from './signed.ts'
import type { NetworkId, StatementId } from './statement.ts'

export const secretLength = 16
const context = utf8ToBytes('wirehub invite key 1')

/** Ed25519, 32 bytes. */
export function inviteKeyOf(secret: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seedOf(secret))
}

/** What an admit needs of whom it admits. */
export function proveInvite(
  secret: Uint8Array,
  network: NetworkId,
  invite: StatementId,
  guest: { readonly key: PublicKey; readonly hostname?: string },
): Uint8Array {
  return ed25519.sign(inviteMessage(network, invite, guest), seedOf(secret))
}

function seedOf(secret: Uint8Array): Uint8Array {
  if (secret.length !== secretLength) throw new TypeError(`the secret of an invite has ${secretLength} bytes`)
  return blake2b(concatBytes(context, secret), { dkLen: 32 })
}

/** What shows a member that somebody has the secret, before he is told who belongs to the network. */
export function helloMessage(network: NetworkId, guest: PublicKey): Uint8Array {
  return concatBytes(utf8ToBytes('wirehub join 1'), idBytes(network), publicKeyBytes(guest))
}

export function proveHello(secret: Uint8Array, network: NetworkId, guest: PublicKey): Uint8Array {
  return ed25519.sign(helloMessage(network, guest), seedOf(secret))
}
