/**
 * The node's key as libp2p wants it: an Ed25519 private key that signs, and that cannot be read. libp2p signs with it in the Noise
 * handshake and for its peer record; nothing but its keychain, which we do not use, would ask for the bytes. An export would be wrong
 * even for us: libp2p's form of an Ed25519 key is a seed that is hashed, and from our scalar it would make another identity.
 */

import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { AbortOptions, Ed25519PrivateKey, Ed25519PublicKey } from '@libp2p/interface'
import type { Random } from '../../os/random.ts'
import type { PrivateKey } from '../../protocol/identity/key.ts'
import { SigningKey, signatureRandomness } from '../../protocol/identity/xeddsa.ts'

/** libp2p's `Uint8ArrayList`, as far as it is used here. */
type ByteList = { subarray(): Uint8Array }

export class Identity implements Ed25519PrivateKey {
  readonly type = 'Ed25519'
  readonly publicKey: Ed25519PublicKey
  readonly #key: SigningKey
  readonly #random: Random

  /** Costs a point multiplication, and a signature as much again: 0.3 ms each. */
  constructor(key: PrivateKey, random: Random) {
    this.#key = SigningKey.of(key)
    this.#random = random
    this.publicKey = publicKeyFromRaw(this.#key.publicKey) as Ed25519PublicKey
  }

  /** @throws always. On the prototype, so that copies and whoever lists the properties do not meet it. */
  get raw(): Uint8Array {
    throw new TypeError('the private key of this node cannot be exported; it signs, and that is all')
  }

  /** The same identity: whoever has the public key has the same private one. */
  equals(other?: unknown): boolean {
    return other instanceof Identity && this.publicKey.equals(other.publicKey)
  }

  sign(data: Uint8Array | ByteList, options?: AbortOptions): Uint8Array {
    options?.signal?.throwIfAborted()
    return this.#key.sign(data instanceof Uint8Array ? data : data.subarray(), this.#random.bytes(signatureRandomness))
  }

  toString(): string {
    return '(private key)'
  }

  toJSON(): string {
    return '(private key)'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '(private key)'
  }
}
