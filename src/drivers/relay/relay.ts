/**
 * Forwards datagrams between pairs of others, on ports of this machine. A relay knows endpoints, and nothing of what it carries.
 *
 *     A ── from its port ──▶ R:Px ═ leg ═ R:Pa ──▶ X        { from: A, at: Px, to: X, via: Pa }
 *     A ◀── R:Px ═ leg ═ R:Pa ◀── from its port ── X        { from: X, at: Pa, to: A, via: Px }
 *
 * What matches no leg is dropped. One interface, two ways: sockets of this process (`sockets.ts`), and the same with a shortcut in the
 * kernel (`kernel.ts`); `open.ts` chooses.
 */

import { type Endpoint, formatEndpoint } from '../../base/ip.ts'
import { portRange } from '../../protocol/relay/constants.ts'
import type { Leg } from '../../protocol/relay/events.ts'

export type { Leg } from '../../protocol/relay/events.ts'

/** Two legs with one key cannot be. */
export type LegKey = Pick<Leg, 'from' | 'at'>
export const keyOf = ({ from, at }: LegKey): string => `${formatEndpoint(from)} ${at}`

/** A datagram of the format `bind`, which is for the relay itself, that came to one of our ports; the bytes are the callee's to keep. */
export type Receive = (bytes: Uint8Array, from: Endpoint, at: number) => void

export interface RelayPort {
  readonly port: number
  /** A datagram may be lost, and nothing is thrown. */
  send(bytes: Uint8Array, to: Endpoint): void
  /** Legs that leave from it carry nothing from now on. */
  close(): void
}

/** Since the leg is there, or was read after a restart. Bytes with the headers of IP and UDP. */
export type Carried = { readonly leg: Leg; readonly packets: number; readonly bytes: number }

/** By reason. What the kernel drops by itself, over the limit, is not known here. */
export type Dropped = Readonly<Record<string, number>>

export interface Relay {
  readonly backend: 'netdev' | 'process'
  /** Takes a port: this one, or the next free one of the range. @throws a Failure where there is none */
  open(port: number): Promise<RelayPort>
  /** Resolves when all are in force; each replaces the one with its key. @throws a Failure where there are too many, and none is in force */
  connect(legs: readonly Leg[]): Promise<void>
  /** Resolves when they carry nothing any more. */
  disconnect(legs: readonly LegKey[]): Promise<void>
  /** A datagram has come to one of its ports by another way than this machine's sockets. @returns whether it is one of its ports */
  hear(bytes: Uint8Array, from: Endpoint, at: number): boolean
  /** Legs that a program before us left, and that nobody has connected again since. */
  leftover(): Leg[]
  /** To be called when addresses or routes of this machine have changed. */
  refresh(): Promise<void>
  counters(): Promise<{ readonly legs: readonly Carried[]; readonly dropped: Dropped }>
  /** @param options.leave what is in the kernel stays, for the next program to find */
  close(options?: { leave?: boolean }): Promise<void>
}

/** Sends to those who are not reached by this machine's sockets. @returns `false`: they do reach it @param port of ours, from which it comes */
export type SendElsewhere = (bytes: Uint8Array, to: Endpoint, port: number) => boolean

/** Of one leg: so many packets a second in the long run, so many at once. */
export type Limit = { readonly rate: number; readonly burst: number }

/** 2 Gbit/s of full packets: no more than a bound. */
export const defaultLimit: Limit = { rate: 200_000, burst: 50_000 }

/** 20 000 pairs, and some. */
export const mostLegs = 2 ** 16

export type Range = { readonly first: number; readonly last: number }

export const defaultRange: Range = portRange
