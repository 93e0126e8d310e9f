/** `wh genkey`: looks for a private key whose public key carries work. At random, or one that follows from a secret. */

import { Args, Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import type { Wish } from '../../protocol/identity/derived.ts'
import { quote } from '../../protocol/network/problem.ts'
import { WhCommand } from '../command.ts'
import { findKey } from '../find-key.ts'
import { goalOf } from '../goal.ts'
import { Interrupted } from '../passphrase.ts'

/** So many take 5 s to start on two cores; more is a slip of the finger. */
const mostThreads = 128

export default class Genkey extends WhCommand {
  static override summary = 'Print a new private key whose public key carries a proof of work'
  static override description =
    'The key is an ordinary WireGuard key. Each bit of work doubles the time of the search. FILE is a network file: its workbit and namespace are taken. A search on a terminal shows its progress there; standard output carries the key alone.\n\nWith ssh the key follows from an SSH key of type Ed25519, and can be made again from it, so it needs no backup of its own: FILE is then the SSH key (~/.ssh/id_ed25519 if nothing says), and a network file comes second. A passphrase is asked on the terminal, or is the first line of standard input. With ssh agent the agent signs, and FILE is a public key that says which of its keys is meant.\n\nWith phrase the key follows from 24 new words, which are shown on the terminal to be written on paper; phrase restore reads them again from standard input. What else the key follows from are workbit, namespace and label: write them down, too.'
  static override examples = [
    '<%= config.bin %> genkey workbit 16 > private.key',
    '<%= config.bin %> genkey ./net.conf > private.key',
    '<%= config.bin %> genkey workbit 8 | <%= config.bin %> pubkey | <%= config.bin %> workbit',
    '<%= config.bin %> genkey workbit 24 namespace example threads 4 > private.key',
    '<%= config.bin %> genkey ssh workbit 16 > private.key',
    '<%= config.bin %> genkey ssh ~/.ssh/id_ed25519 ./net.conf label laptop > private.key',
    '<%= config.bin %> genkey ssh agent workbit 16 > private.key',
    '<%= config.bin %> genkey phrase workbit 16 > private.key',
    '<%= config.bin %> genkey phrase restore workbit 16 > private.key',
  ]
  static override args = {
    FILE: Args.string({
      ignoreStdin: true,
      description: 'network file that says workbit and namespace; with ssh, the SSH key',
    }),
    NETWORK: Args.string({ ignoreStdin: true, description: 'with ssh, the network file' }),
  }
  static override flags = {
    workbit: Flags.string({
      description: 'zero bits which the hash of the public key starts with (8 if nothing says)',
    }),
    namespace: Flags.string({ description: 'what the work is done for (public if nothing says)' }),
    threads: Flags.string({ description: 'threads that search (one per core if nothing says)' }),
    ssh: Flags.boolean({ description: 'a key that follows from an SSH key' }),
    agent: Flags.boolean({ description: 'with ssh: from a signature by the ssh-agent' }),
    phrase: Flags.boolean({ description: 'a key that follows from 24 words' }),
    restore: Flags.boolean({ description: 'with phrase: from words that there are already' }),
    label: Flags.string({
      description: 'with ssh or phrase: which of several keys, such as the name of a machine (none if nothing says)',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Genkey)
    refuseWhatMakesNoSense(flags, args)
    const goal = goalOf(flags, flags.ssh ? args.NETWORK : args.FILE)
    const threads = flags.threads === undefined ? undefined : readThreads(flags.threads)
    const label = flags.label === undefined ? '' : readLabel(flags.label)
    const root = await rootFor(flags, args.FILE, { ...goal, label }).catch(interrupted)
    if (root === null) return
    const key = await findKey(goal, {
      ...(threads !== undefined && { threads }),
      ...(root && { from: { root, label } }),
    })
    if (key) this.log(key.reveal())
  }
}

type Given = { ssh: boolean; agent: boolean; phrase: boolean; restore: boolean; label?: string | undefined }

function refuseWhatMakesNoSense(given: Given, args: { NETWORK?: string | undefined }): void {
  const derived = given.ssh || given.phrase
  const problems: [boolean, string][] = [
    [given.ssh && given.phrase, 'a key follows from an SSH key or from a phrase, not from both'],
    [given.agent && !given.ssh, 'agent means something with ssh only: wh genkey ssh agent'],
    [given.restore && !given.phrase, 'restore means something with phrase only: wh genkey phrase restore'],
    [given.label !== undefined && !derived, 'label means something with ssh or phrase only: other keys differ anyway'],
    [args.NETWORK !== undefined && !given.ssh, `one file too many: ${quote(args.NETWORK ?? '')}`],
  ]
  const found = problems.find(([is]) => is)
  if (found) throw new Failure(found[1], { exit: exit.usage })
}

/** `undefined` for a random key. */
async function rootFor(given: Given, file: string | undefined, wish: Wish): Promise<Uint8Array | undefined> {
  if (!given.ssh && !given.phrase) return undefined
  // every command loads this module: not the list of words with it
  const { rootOfAgent, rootOfFile, rootOfNewPhrase, rootOfPhrase } = await import('../roots.ts')
  if (given.ssh) return given.agent ? rootOfAgent(file) : rootOfFile(file)
  return given.restore ? rootOfPhrase() : rootOfNewPhrase(wish)
}

function interrupted(error: unknown): null {
  if (!(error instanceof Interrupted)) throw error
  process.exitCode = exit.interrupted
  return null
}

function readThreads(text: string): number {
  if (!/^[1-9]\d*$/.test(text) || Number(text) > mostThreads) {
    throw new Failure(`threads: "${text}" is not a number from 1 to ${mostThreads}`, { exit: exit.usage })
  }
  return Number(text)
}

/** Typed again years later: what can be read aloud, and nothing that looks alike. */
function readLabel(text: string): string {
  if (!/^[a-z0-9._-]{1,63}$/.test(text)) {
    throw new Failure(`label: ${quote(text)} is not 1 to 63 lower-case letters, digits, dots, - or _`, {
      exit: exit.usage,
    })
  }
  return text
}
