/**
 * A key on standard input that may be public or private: `wh id` takes both, and must never show a private one. In wg's form the two
 * look alike. What is no multiple of the base point is no public key; what is not clamped is no private key that `wg genkey` or
 * `wh genkey` made. One key in 16 could be either, and then the person has to say.
 */

import { exit, Failure } from '../base/failure.ts'
import { type PublicKey, readPrivateKey, readPublicKey } from '../protocol/identity/key.ts'
import { edwardsKeyOf, pointOf } from '../protocol/identity/xeddsa.ts'

/** The public key of the text. @throws Failure without the text itself, which may be secret. */
export function publicKeyOfEither(text: string): PublicKey {
  const asPublic = readPublicKey(text)
  const asPrivate = readPrivateKey(text)
  if (asPublic.ok !== undefined && canBeSomebodys(asPublic.ok)) {
    // what reading a private key does, clamping, has changed nothing, and this is the form in which it is written
    const mayBePrivate = asPrivate.ok?.reveal() === text
    if (!mayBePrivate) return asPublic.ok
    throw new Failure('this may be a public or a private key: in the form of wg, one in 16 looks like both', {
      exit: exit.usage,
      remedy: 'if it is public:  wh id KEY\nif it is private: wh pubkey < FILE | wh id',
    })
  }
  if (asPrivate.ok !== undefined) return asPrivate.ok.publicKey()
  throw new Failure(`not a key: ${asPublic.problem ?? 'no private key has this as its public key'}`)
}

/** Is it a multiple of the base point, as all public keys are? */
export function canBeSomebodys(key: PublicKey): boolean {
  const edwards = edwardsKeyOf(key)
  return edwards !== null && pointOf(edwards)!.isTorsionFree()
}
