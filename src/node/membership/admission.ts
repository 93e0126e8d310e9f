/**
 * Letting somebody in who has a token: any member can, for an admin has signed the invite. Who asks is a stranger until he has proved its secret.
 *
 *     guest    hello: the invite's key, and its signature ▸                          request: name, proof ▸
 *     member                          all statements, done ◂  (he checks them)                               ◂ the admit, done
 *                or refused: why ◂                                                or refused: why ◂
 */

import { equalBytes } from '../../base/bytes.ts'
import type { Crypto } from '../../base/crypto.ts'
import { Failure } from '../../base/failure.ts'
import type { Address } from '../../base/ip.ts'
import type { Logger } from '../../base/log.ts'
import type { ByteStream } from '../../drivers/carrier/carrier.ts'
import type { Clock } from '../../os/clock.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import { isSoundKey } from '../../protocol/identity/xeddsa.ts'
import { freeAddress } from '../../protocol/membership/claims.ts'
import { type Frame, statementFrames } from '../../protocol/membership/frames.ts'
import { helloMessage } from '../../protocol/membership/invite-key.ts'
import type { Invitation, Membership } from '../../protocol/membership/membership.ts'
import type { Content } from '../../protocol/membership/statement.ts'
import { moment } from '../../protocol/membership/words.ts'
import type { Member } from '../../protocol/network/types.ts'
import { Conversation } from './conversation.ts'
import type { Registrar } from './registrar.ts'

export const joinProtocol = '/wirehub/join/1'

export type AdmissionParts = {
  readonly clock: Clock
  readonly log: Logger
  readonly crypto: Pick<Crypto, 'verifyEd25519'>
  readonly registrar: Registrar
  /** Everybody who has a name or an address here, by the file or the roll. */
  readonly members: () => readonly Member[]
}

/** Guests at one time. */
const atOnce = 4

export class Admission {
  readonly #parts: AdmissionParts
  #busy = 0

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  async answer(guest: PublicKey, stream: ByteStream): Promise<void> {
    const talk = new Conversation(stream, this.#parts.clock)
    this.#busy++
    try {
      if (this.#busy > atOnce) await talk.say({ kind: 'refused', reason: 'it lets in others just now; try again' })
      else await this.#admit(guest, talk)
      // who ends first would take what is still on its way with it
      await talk.hear()
    } catch (error) {
      const { log } = this.#parts
      if (!(error instanceof Failure)) {
        log.warn('a guest could not be let in', { problem: String(error) })
        return
      }
      log.info('a guest is refused', { node: `${guest.slice(0, 10)}…`, problem: error.message })
      await talk.say({ kind: 'refused', reason: error.message.slice(0, 250) })
      await talk.hear()
    } finally {
      this.#busy--
      talk.close()
    }
  }

  async #admit(guest: PublicKey, talk: Conversation): Promise<void> {
    const { registrar, log } = this.#parts
    const { roll } = registrar
    const hello = await talk.hear()
    if (hello?.kind !== 'hello') return
    if (!roll || !registrar.membership) throw new Failure('this member knows of no invites')
    // who lost the line at the end is a member, and does not know it
    this.#proved(guest, hello)
    if (!registrar.membership.members.some(({ key }) => key === guest)) this.#invited(guest, hello)
    for (const frame of statementFrames(roll.all().map(({ bytes }) => bytes))) await talk.say(frame)
    await talk.say({ kind: 'done' })
    const request = await talk.hear()
    if (request?.kind !== 'request') return
    // others may have come by it meanwhile
    const invitation = this.#invited(guest, hello)
    const { hostname, proof } = request
    const content: Content = {
      ...{ kind: 'admit', key: guest, invite: { id: invitation.id, proof } },
      ...(hostname !== undefined && { hostname }),
      ...this.#place(guest, invitation, hostname),
    }
    const { bytes } = registrar.say(content)
    log.info('admitted by an invite', { node: `${guest.slice(0, 10)}…`, member: hostname ?? '' })
    await talk.say({ kind: 'statements', statements: [bytes] })
    await talk.say({ kind: 'done' })
  }

  /** The invite that he has proved; it is good for one more. @throws a Failure that says what is wrong with it */
  #invited(guest: PublicKey, hello: Frame & { kind: 'hello' }): Invitation {
    const { clock, registrar } = this.#parts
    const found = this.#proved(guest, hello)
    const problem = problemOf(found, registrar.membership!, guest, clock.wall())
    if (problem) throw new Failure(problem)
    return found
  }

  #proved(guest: PublicKey, { inviteKey, proof }: Frame & { kind: 'hello' }): Invitation {
    const { crypto, registrar } = this.#parts
    const { network } = registrar.roll!
    const membership = registrar.membership!
    const proved = isSoundKey(inviteKey) && crypto.verifyEd25519(inviteKey, helloMessage(network, guest), proof)
    // of who cannot prove it, not even whether there is such an invite is told
    const found = proved
      ? membership.invitations.find(({ invite }) => equalBytes(invite.inviteKey, inviteKey))
      : undefined
    if (!found) throw new Failure('no such invite: of another network, or this member has not heard of it yet')
    return found
  }

  /** A free address. @throws a Failure where the name is another's */
  #place(guest: PublicKey, { invite }: Invitation, hostname: string | undefined): { address?: Address } {
    const { members, registrar } = this.#parts
    const all = members()
    const name = (invite.hostname ?? hostname)?.toLowerCase()
    if (name !== undefined && all.some(each => each.hostname?.toLowerCase() === name)) {
      throw new Failure(`the name ${name} is another member's: join with another one`)
    }
    return freeAddress(guest, registrar.membership!.genesis.subnet, all)
  }
}

/** Why nobody, or not this one, comes by an invite now. */
export function problemOf(
  { invite, guests, withdrawn }: Invitation,
  membership: Membership,
  guest: PublicKey,
  now: number,
): string | null {
  if (withdrawn) return 'the invite was withdrawn'
  if (invite.expires !== undefined && invite.expires <= now) {
    return `the invite expired at ${moment(invite.expires)}`
  }
  if (membership.ended.has(guest)) return 'this key was revoked: make another one'
  if (membership.members.some(({ key }) => key === guest)) return 'this key is a member already'
  if (guests.length >= (invite.admin ? 1 : invite.uses)) return 'the invite is used up'
  return null
}
