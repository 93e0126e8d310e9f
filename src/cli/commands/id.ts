/** `wh id`: everything that follows from a key. */

import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { readNetworkFile } from '../../daemon/network-file.ts'
import { systemFiles } from '../../os/files.ts'
import { overlayIPv6 } from '../../protocol/identity/address.ts'
import { type PublicKey, readPublicKey } from '../../protocol/identity/key.ts'
import { peerIdOf } from '../../protocol/identity/peer-id.ts'
import { workbitOf } from '../../protocol/identity/workbit.ts'
import { findMember, members } from '../../protocol/network/members.ts'
import { nearest } from '../../protocol/network/problem.ts'
import { readName } from '../../protocol/network/values.ts'
import { WhCommand } from '../command.ts'
import { canBeSomebodys, publicKeyOfEither } from '../given-key.ts'
import { goalOf } from '../goal.ts'
import { table } from '../print/table.ts'
import { wordFromStdin } from '../stdin.ts'

export default class Id extends WhCommand {
  static override summary = "Print a node's identity: its key, PeerId, work and overlay addresses"
  static override description =
    'All of it follows from the public key. Without KEY, or for -, reads a public or a private key from standard input, and prints nothing of a private one but what is public. FILE is a network file: KEY may then be the name or the address of a member, and the namespace is taken. Overlay addresses belong to a network: FILE, or network NAME.'
  static override examples = [
    '<%= config.bin %> id < private.key',
    '<%= config.bin %> id KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4 network test',
    '<%= config.bin %> id b.test ./net.conf',
    '<%= config.bin %> id - ./net.conf --json < private.key',
  ]
  static override args = {
    KEY: Args.string({ ignoreStdin: true, description: 'public key in either form; with FILE a member too' }),
    FILE: Args.string({ ignoreStdin: true, description: 'network file' }),
  }
  static override flags = {
    namespace: Flags.string({ description: 'what the work was done for (public if nothing says)' }),
    network: Flags.string({ description: 'name of the network whose IPv6 address is meant', helpValue: 'NAME' }),
    json: Flags.boolean({ description: 'for scripts' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Id)
    if (flags.network !== undefined && args.FILE !== undefined) {
      throw new Failure('FILE says the network already, and network says another', { exit: exit.usage })
    }
    const { namespace } = goalOf(flags, args.FILE)
    const network = args.FILE === undefined ? undefined : readNetworkFile(systemFiles, args.FILE).network
    const all = network ? members(network) : []
    const names = all.flatMap(({ hostname }) => hostname ?? [])
    const key =
      args.KEY === undefined || args.KEY === '-'
        ? publicKeyOfEither(await keyFromStdin())
        : (findMember(all, args.KEY)?.key ?? keyOf(args.KEY, args.FILE, names))
    const member = all.find(member => member.key === key)
    const networkName = network?.name ?? (flags.network === undefined ? undefined : readNetworkName(flags.network))
    const found = {
      key,
      peerId: peerIdOf(key),
      workbit: workbitOf(key, namespace),
      namespace,
      ...(networkName !== undefined && { network: networkName }),
      ...(member?.hostname && { hostname: member.hostname }),
      ...(member?.ipv4 && { ipv4: member.ipv4 }),
      ...(networkName !== undefined && { ipv6: overlayIPv6(key, networkName) }),
    }
    if (flags.json) this.log(JSON.stringify(found, null, 2))
    else this.log(print(found).join('\n'))
    if (!canBeSomebodys(key)) {
      this.logToStderr(
        'wh id: no private key has this as its public key, so nobody is that node: a slip of the fingers?',
      )
    }
  }
}

async function keyFromStdin(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new Failure('no key was given', { exit: exit.usage, remedy: 'wh id KEY\nwh id < private.key' })
  }
  return wordFromStdin('a public or private key')
}

/** A text of a key's length is not repeated in an error: it may be a private one. */
function keyOf(text: string, file: string | undefined, names: readonly string[]): PublicKey {
  const { ok, problem } = readPublicKey(text)
  if (ok !== undefined) return ok
  const isName = text.length < 40
  if (file !== undefined) {
    const meant = names.length > 0 ? nearest(text, names) : null
    const reason = meant ? `; did you mean ${meant}?` : `, and no public key: ${problem}`
    throw new Failure(`${isName ? text : 'KEY'} is no member of ${file}${reason}`)
  }
  const remedy = `a member of a network: wh id ${text} FILE\nthe key in a file:     wh id < FILE`
  throw new Failure(`not a public key: ${problem}`, isName ? { remedy } : {})
}

type Found = {
  readonly key: string
  readonly peerId: string | null
  readonly workbit: number
  readonly namespace: string
  readonly network?: string
  readonly hostname?: string
  readonly ipv4?: string
  readonly ipv6?: string
}

function print({ key, peerId, workbit, namespace, network, hostname, ipv4, ipv6 }: Found): string[] {
  const rows: [string, string | undefined][] = [
    ['key', key],
    ['peer id', peerId ?? '-'],
    ['workbit', `${workbit} (namespace ${namespace})`],
    ['network', network],
    ['hostname', hostname],
    ['ipv4', ipv4],
    ['ipv6', ipv6],
  ]
  return table(rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

function readNetworkName(text: string): string {
  const { ok, problem } = readName(text)
  if (ok === undefined) throw new Failure(`network: ${problem}`, { exit: exit.usage })
  return ok
}
