/**
 * Signatures of statements. Each is by the author's WireGuard key (XEdDSA), behind words that no other use of such a key begins with, and
 * behind the network's id, so that what was said of one network says nothing of another.
 *
 *     statement   "wirehub statement 1" ‖ network 32, zeros for a genesis ‖ the statement's bytes
 *     invite      "wirehub invite 1"    ‖ network 32 ‖ invite 32 ‖ key 32 ‖ hostname           by the invite's key
 *     rotation    "wirehub rotation 1"  ‖ network 32 ‖ old key 32 ‖ new key 32                 by the new key
 */

import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Crypto } from '../../base/crypto.ts'
import { type PrivateKey, type PublicKey, publicKeyBytes } from '../identity/key.ts'
import { edwardsKeyOf, isSoundKey, SigningKey, signatureRandomness } from '../identity/xeddsa.ts'
import { decodeStatement, encodeStatement, hashOf } from './codec.ts'
import { idBytes, signatureLength } from './fields.ts'
import { limits, type NetworkId, type Statement, type StatementId } from './statement.ts'

/** An admin signs thousands of statements, and finding the Edwards form of his key takes as long as verifying one. */
const keysMost = 4_096

/** Verifies signatures by WireGuard keys. */
export class Verifier {
  readonly #crypto: Pick<Crypto, 'verifyEd25519'>
  readonly #edwards = new Map<PublicKey, Uint8Array | null>()

  constructor(crypto: Pick<Crypto, 'verifyEd25519'>) {
    this.#crypto = crypto
  }

  isBy(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
    let edwards = this.#edwards.get(key)
    if (edwards === undefined) {
      if (this.#edwards.size >= keysMost) this.#edwards.clear()
      edwards = edwardsKeyOf(key)
      this.#edwards.set(key, edwards)
    }
    return edwards !== null && this.#crypto.verifyEd25519(edwards, message, signature)
  }

  /** @param inviteKey Ed25519, any 32 bytes */
  isByInvite(inviteKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return isSoundKey(inviteKey) && this.#crypto.verifyEd25519(inviteKey, message, signature)
  }
}

const contexts = {
  statement: utf8ToBytes('wirehub statement 1'),
  invite: utf8ToBytes('wirehub invite 1'),
  rotation: utf8ToBytes('wirehub rotation 1'),
}
const noNetwork = new Uint8Array(32)

/** A statement as it is kept and passed on. */
export type Signed = { readonly id: StatementId; readonly bytes: Uint8Array; readonly statement: Statement }

/** @param network of anything but a genesis, which is one itself @param random gives that many random bytes */
export function signStatement(
  key: PrivateKey,
  network: NetworkId | null,
  statement: Statement,
  random: (count: number) => Uint8Array,
): Signed {
  if (key.publicKey() !== statement.author) throw new TypeError('a statement is signed by its author')
  const signed = encodeStatement(statement)
  const message = concatBytes(contexts.statement, network ? idBytes(network) : noNetwork, signed)
  const signature = SigningKey.of(key).sign(message, random(signatureRandomness))
  return { id: hashOf(signed), bytes: concatBytes(signed, signature), statement }
}

/** What the bytes say, unverified; `null` where they are no statement. */
export function readSigned(bytes: Uint8Array): Signed | null {
  if (bytes.length > limits.statement || bytes.length <= signatureLength) return null
  const signed = bytes.subarray(0, -signatureLength)
  const statement = decodeStatement(signed)
  return statement && { id: hashOf(signed), bytes, statement }
}

/** Has its author, and whoever has to agree, signed it for this network? Some 0.1 ms for each signature. @param invite the key of its invite */
export function isSigned(
  verifier: Verifier,
  network: NetworkId,
  { bytes, statement, id }: Signed,
  invite: (id: StatementId) => Uint8Array | null,
): boolean {
  const signed = bytes.subarray(0, -signatureLength)
  const isGenesis = statement.kind === 'genesis'
  if (isGenesis && id !== network) return false
  const message = concatBytes(contexts.statement, isGenesis ? noNetwork : idBytes(network), signed)
  if (!verifier.isBy(statement.author, message, bytes.subarray(-signatureLength))) return false
  if (statement.kind === 'rotate') {
    return verifier.isBy(statement.key, rotationMessage(network, statement.author, statement.key), statement.proof)
  }
  if (statement.kind !== 'admit' || !statement.invite) return true
  const inviteKey = invite(statement.invite.id)
  if (!inviteKey) return false
  const { id: invited, proof } = statement.invite
  return verifier.isByInvite(inviteKey, inviteMessage(network, invited, statement), proof)
}

/** What the invite's key signs: who comes by it, and the name that it wants. */
export function inviteMessage(
  network: NetworkId,
  invite: StatementId,
  { key, hostname = '' }: { readonly key: PublicKey; readonly hostname?: string },
): Uint8Array {
  return concatBytes(contexts.invite, idBytes(network), idBytes(invite), publicKeyBytes(key), utf8ToBytes(hostname))
}

/** The new key's consent. */
export function proveRotation(
  network: NetworkId,
  old: PublicKey,
  key: PrivateKey,
  random: (count: number) => Uint8Array,
): Uint8Array {
  return SigningKey.of(key).sign(rotationMessage(network, old, key.publicKey()), random(signatureRandomness))
}

function rotationMessage(network: NetworkId, old: PublicKey, key: PublicKey): Uint8Array {
  return concatBytes(contexts.rotation, idBytes(network), publicKeyBytes(old), publicKeyBytes(key))
}
