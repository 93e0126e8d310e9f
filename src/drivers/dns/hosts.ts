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

/** A line as we write it. What else stands between our marks was put there by somebody, and stays. */
const ours = /^[0-9a-f.:]+\t[^\s#]+\r?\n?$/

/** The text without our block. Where its end mark is lost, it ends with the last line that looks like ours. */
export function withoutBlock(text: string, id: BlockId): string {
  const begin = `# BEGIN wh ${id}`
  const end = `# END wh ${id}`
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
  const kept: string[] = []
  for (let i = 0; i < lines.length; i++) {
    const mark = lines[i]!.trimEnd()
    const lineBreak = lines[i]!.endsWith('\r\n') ? '\r\n' : '\n'
    if (mark !== begin && mark !== begin + addedBreak) {
      kept.push(lines[i]!)
      continue
    }
    let last = lines.findIndex((line, at) => at > i && line.trimEnd() === end)
    if (last < 0) last = lines.findIndex((line, at) => at > i && !ours.test(line)) - 1
    if (last < i) last = lines.length - 1
    kept.push(...lines.slice(i + 1, last + 1).filter(line => !ours.test(line) && line.trimEnd() !== end))
    i = last
    if (mark === begin) continue
    // the line break that we added goes with the last thing that needs it; another block of ours takes over the word of it
    const next = lines[i + 1]
    if (next?.startsWith('# BEGIN wh ')) lines[i + 1] = next.replace(/\r?\n$/, `${addedBreak}$&`)
    else if (next === undefined && kept.length > 0) {
      kept.push(kept.pop()!.slice(0, -lineBreak.length))
    }
  }
  return kept.join('')
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
