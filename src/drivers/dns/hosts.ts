/**
 * Our lines in a hosts file, between two marks; everything else in it is somebody else's and stays byte for byte.
 *
 *     # BEGIN wh test KJ7YGrBe
 *     10.0.42.2       b.test
 *     # END wh test KJ7YGrBe
 *
 * The block stands at the end. Where the file did not end with a line break, the first mark says that one was added.
 */

import type { Address } from '../../base/ip.ts'
import type { Member } from '../../protocol/network/types.ts'

/** What names the block: network and the first characters of the node's key, so that two nodes of a network can share a file. */
export type BlockId = string

const addedBreak = ' (line break added)'

/** @param reachable the addresses that this machine can reach: not IPv6 where it has none */
export function hostLines(members: readonly Member[], reachable: (address: Address) => boolean): string[] {
  return members.flatMap(({ hostname, ipv4, ipv6 }) => {
    if (hostname === undefined) return []
    const addresses = [ipv4, ipv6].filter(address => address !== undefined && reachable(address))
    return addresses.map(address => `${address}\t${hostname}`)
  })
}

/** The text without our block. A block whose end is missing loses its mark only: its lines may be another's by now. */
export function withoutBlock(text: string, id: BlockId): string {
  const begin = `# BEGIN wh ${id}`
  for (let from = 0; ; ) {
    const at = text.indexOf(begin, from)
    if (at < 0) return text
    const lineEnd = text.indexOf('\n', at)
    const mark = text.slice(at, lineEnd < 0 ? undefined : lineEnd)
    if ((at > 0 && text[at - 1] !== '\n') || (mark !== begin && mark !== begin + addedBreak)) {
      from = at + 1
      continue
    }
    const end = `\n# END wh ${id}\n`
    const endAt = text.indexOf(end, at)
    const rest = text.slice(endAt >= 0 ? endAt + end.length : lineEnd < 0 ? text.length : lineEnd + 1)
    // the line break that we added goes with the last thing that needs it; another block of ours takes over the word of it
    const before = mark !== begin && rest === '' ? at - 1 : at
    const inherited = mark !== begin && rest.startsWith('# BEGIN wh ') ? rest.replace('\n', `${addedBreak}\n`) : rest
    text = text.slice(0, before) + inherited
    from = before
  }
}

/** The text with our block at its end, in place of an older one. No lines, no block. */
export function withBlock(text: string, id: BlockId, lines: readonly string[]): string {
  const rest = withoutBlock(text, id)
  if (lines.length === 0) return rest
  const broken = rest !== '' && !rest.endsWith('\n')
  const begin = `${broken ? '\n' : ''}# BEGIN wh ${id}${broken ? addedBreak : ''}\n`
  return `${rest}${begin}${lines.join('\n')}\n# END wh ${id}\n`
}

/** The text without any block of ours, whatever its name. */
export function withoutAnyBlock(text: string): string {
  const ids = [...text.matchAll(/^# END wh (.+)$/gm)].map(match => match[1]!)
  return ids.reduce(withoutBlock, text)
}
