/** A cause as it is said: the verdict's words, and what would help. */

import type { Filtering, NatKind } from '../directory/record-body.ts'
import type { Ours, Theirs } from './explain.ts'

export type Cause = { readonly words: string; readonly reachable?: true; readonly advice: readonly string[] }

export const because = (words: string, ...advice: string[]): Cause => ({ words, advice })

/** What would let others in where a node is. A router that is not there maps no port, and where nothing filters nothing is to be opened. */
export function opening(
  name: string,
  about: { readonly nat: NatKind; readonly filtering?: Filtering } | null,
): string[] {
  if (about?.nat !== 'none') {
    return [`port mapping (UPnP, PCP) on ${name}'s router, or UDP forwarded to it by hand, would give a direct path`]
  }
  return about.filtering === 'address-and-port-dependent'
    ? [`UDP let in by the firewall before ${name}, at its port (wh show there), would give a direct path`]
    : []
}

/** Nobody has seen it by UDP, though it speaks to its homes: its record names no address but those of its own machine. */
export function isUnseen(theirs: Theirs | null): boolean {
  if (theirs?.nat !== 'unknown' || theirs.homes.length === 0) return false
  return theirs.endpoints.every(({ kind }) => kind === 'host')
}

/** Where carriers are in use, everything else waits for this. */
export function lettingOut({ name, around }: Ours): string {
  return `UDP does not leave the network of ${name}: letting it out from port ${around.port} would give direct paths`
}

export const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
