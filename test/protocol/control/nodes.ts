// Keys and sealed datagrams for tests: the same ones in every run, with the work that a test asks for.

import { systemCrypto as crypto } from '../../../src/os/crypto.ts'
import { receiverOf, sealDatagram } from '../../../src/protocol/control/datagram.ts'
import { PrivateKey, type PublicKey, publicKeyBytes } from '../../../src/protocol/identity/key.ts'
import { workbitOf } from '../../../src/protocol/identity/workbit.ts'

export const namespace = 'public'

let made = 0

/** A private key whose public key has from `least` to `most` zero bits. */
export function keyWithWork(least: number, most = 256): PrivateKey {
  for (;;) {
    const key = new PrivateKey(crypto.hash(new TextEncoder().encode(`test key ${made++}`)))
    const bits = workbitOf(key.publicKey(), namespace)
    if (bits >= least && bits <= most) return key
  }
}

/** A datagram with any body, as somebody with his own code would seal it. @param claim who he says he is */
export function sealBody(
  from: PrivateKey,
  to: PublicKey,
  body: Uint8Array,
  claim: Uint8Array = publicKeyBytes(from.publicKey()),
): Uint8Array {
  const receiver = publicKeyBytes(to)
  const ss = crypto.dh(crypto.dhKey(from.scalar()), receiver)!
  return sealDatagram(crypto, claim, receiverOf(crypto, receiver), ss, crypto.generateDhKey(), body)!
}
