/** `wh init`: begins a network that others can join. */

import { resolve } from 'node:path'
import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { formatPrefix } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import { configFolder } from '../../daemon/paths.ts'
import { requireRoot } from '../../daemon/prepare.ts'
import { networkOf, requireRoom, settle } from '../../daemon/settle.ts'
import { systemOs as os } from '../../os/index.ts'
import type { PrivateKey, Read } from '../../protocol/identity/key.ts'
import { readPublicKey } from '../../protocol/identity/key.ts'
import { limits as searchLimits } from '../../protocol/identity/search.ts'
import { addressFor } from '../../protocol/membership/claims.ts'
import { Roll } from '../../protocol/membership/roll.ts'
import { signStatement } from '../../protocol/membership/signed.ts'
import { type Content, limits, type NetworkId, saltLength } from '../../protocol/membership/statement.ts'
import { defaults } from '../../protocol/network/types.ts'
import {
  readEndpoint,
  readMemberName,
  readName,
  readNamespace,
  readSubnet,
  readWorkbit,
} from '../../protocol/network/values.ts'
import { WhCommand } from '../command.ts'
import { findKey } from '../find-key.ts'
import { ownLabel } from '../own-label.ts'

const usualWorkbit = '16'

export default class Init extends WhCommand {
  static override summary = 'Begin a network that others join with one command'
  static override description =
    'Makes a key with work, a network file with this node as its first admin, and the first statements. Then: wh up FILE, wh invite, and wh join on another machine. A machine that others can always reach is best, with endpoint; or name one that runs wh as a helper with boot.'
  static override examples = [
    '<%= config.bin %> init home',
    '<%= config.bin %> init home endpoint vps.example.org hostname vps.home',
    '<%= config.bin %> init home subnet 10.7.0.0/16 workbit 20',
    '<%= config.bin %> init home boot P17zMwXJFbBdJEn05RFIMADw9TX5_m2xgf31OgNKX3w@vps.example.org',
  ]
  static override args = { NAME: Args.string({ ignoreStdin: true, required: true, description: 'of the network' }) }
  static override flags = {
    subnet: Flags.string({ description: 'IPv4 of the network (a random /24 of 10.0.0.0/8)', helpValue: 'PREFIX' }),
    workbit: Flags.string({ description: `work that keys must carry (${usualWorkbit})`, helpValue: 'N' }),
    namespace: Flags.string({ description: `what the work is done for (${defaults.namespace})`, helpValue: 'WORD' }),
    hostname: Flags.string({ description: 'of this node (MACHINE.NAME)', helpValue: 'NAME' }),
    endpoint: Flags.string({ description: 'where others can always reach this node', helpValue: 'HOST[:PORT]' }),
    boot: Flags.string({
      description: 'a node to ask first; may be given again',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'KEY@HOST[:PORT]',
    }),
    folder: Flags.string({ description: `where to write NAME.conf and NAME.key (${configFolder})`, helpValue: 'DIR' }),
    json: Flags.boolean({ description: 'for scripts' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Init)
    const name = read('NAME', args.NAME, readName)
    const workbit = read('workbit', flags.workbit ?? usualWorkbit, readWorkbit)
    const namespace = read('namespace', flags.namespace ?? defaults.namespace, readNamespace)
    const subnet = read('subnet', flags.subnet ?? randomSubnet(), readSubnet)
    const hostname = read('hostname', flags.hostname ?? `${ownLabel()}.${name}`, readMemberName)
    const endpoint = flags.endpoint === undefined ? undefined : read('endpoint', flags.endpoint, readEndpoint)
    const boots = (flags.boot ?? []).map(readBoot)
    const room = limits.boots - (endpoint ? 1 : 0)
    if (boots.length > room) throw usage(`${boots.length} boot nodes are too many: there is room for ${room}`)
    if (workbit > searchLimits.workbit) throw usage(`workbit ${workbit} is too much`)
    requireRoot(os, 'wh init')
    const places = requireRoom(os.files, resolve(flags.folder ?? configFolder, `${name}.conf`))
    const key = await findKey({ workbit, namespace })
    if (!key) return
    const self = key.publicKey()
    const address = addressFor(self, subnet, () => true)
    const genesis: Content = {
      ...{ kind: 'genesis', salt: os.random.bytes(saltLength), name, namespace, workbit, subnet },
      // who can always be reached is asked first
      ...{ admins: [self], boots: [...(endpoint ? [{ key: self, endpoint }] : []), ...boots] },
    }
    const admit: Content = {
      ...{ kind: 'admit', key: self, hostname },
      ...(address && { address }),
      ...(endpoint && { endpoint }),
    }
    const { roll, statements } = begin(key, genesis, admit)
    const membership = roll.membership(os.clock.wall())!
    settle(os.files, places, networkOf(membership), key, statements)
    if (flags.json) {
      const told = { network: name, id: roll.network, key: self, hostname, ipv4: address, ...places }
      this.log(JSON.stringify(told, null, 2))
      return
    }
    this.log(`wrote ${places.file} and ${places.keyFile}`)
    this.log(`the network ${name}, ${formatPrefix(subnet)}: this node is ${hostname}, ${address}, and its first admin`)
    this.log(`next:  wh up ${places.file}`)
    this.log(`       wh invite          prints a token, for wh join on another machine`)
    if (!endpoint && boots.length === 0) {
      this.logToStderr(
        'wh init: neither an endpoint nor a boot node is given: others find this node only where it can be reached directly, or on its own link',
      )
    }
  }
}

/** The statements of a network's first moment, by its first admin. */
function begin(key: PrivateKey, ...contents: readonly [Content, Content]): { roll: Roll; statements: Uint8Array[] } {
  const at = Math.floor(os.clock.wall() / second) * second
  const author = key.publicKey()
  const random = (count: number) => os.random.bytes(count)
  const [genesis, admit] = contents
  const first = signStatement(key, null, { ...genesis, author, at, after: [] }, random)
  const network = first.id as NetworkId
  const next = signStatement(key, network, { ...admit, author, at, after: [network] }, random)
  const roll = new Roll(os.crypto, network, [author])
  const statements = [first.bytes, next.bytes]
  for (const bytes of statements) {
    if (roll.add(bytes) !== 'new') throw new TypeError('internal: the first statements do not hold')
  }
  return { roll, statements }
}

/** `10.R.R.0/24`: two networks that meet on one machine should differ. */
function randomSubnet(): string {
  return `10.${os.random.int(1, 256)}.${os.random.int(0, 256)}.0/24`
}

function readBoot(text: string) {
  const at = text.indexOf('@')
  const [key, place] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
  return { key: read('boot', key, readPublicKey), endpoint: read('boot', place, readEndpoint) }
}

function read<T>(what: string, text: string, reader: (text: string) => Read<T>): T {
  const { ok, problem } = reader(text)
  if (ok === undefined) throw usage(`${what}: ${problem}`)
  return ok
}

function usage(message: string): Failure {
  return new Failure(message, { exit: exit.usage })
}
