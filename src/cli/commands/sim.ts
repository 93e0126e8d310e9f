/** `wh sim`: pairs of real nodes on an invented internet, in simulated time, against an oracle. */

import { Flags } from '@oclif/core'
import { exit, Failure } from '../../base/failure.ts'
import { second } from '../../base/time.ts'
import { systemThreads } from '../../os/threads.ts'
import type { CampaignOptions } from '../../sim/campaign.ts'
import { WhCommand } from '../command.ts'
import { failureLine, repeatCommand, simTable } from '../print/sim.ts'

/** Failed pairs whose packets are shown without being asked for. */
const storiesTold = 2

export default class Sim extends WhCommand {
  static override summary = 'Try pairs of nodes on a simulated internet of NATs and firewalls'
  static override description =
    'The nodes are the real ones; hosts, NATs, firewalls, WireGuard and time are simulated, from a seed: the same seed gives the same run. An oracle says for each pair whether it can be direct. Of pairs that do what they must not, or not what they must, it prints the world, the packets as a Mermaid diagram, and the command that repeats it. Needs no root and touches no network.'
  static override examples = [
    '<%= config.bin %> sim pairs 1000',
    '<%= config.bin %> sim seed 7 pairs 500 trouble loss 10',
    '<%= config.bin %> sim seed 33 pairs 1 mermaid',
  ]
  static override flags = {
    seed: Flags.string({ description: 'the first world; the others follow (1 if nothing says)' }),
    pairs: Flags.string({ description: 'how many pairs, in worlds of several (200 if nothing says)' }),
    members: Flags.string({ description: 'nodes in a world (4 if nothing says)' }),
    loss: Flags.string({
      description:
        'percent of the packets lost between two homes, in each direction (a few in some worlds if nothing says)',
    }),
    delay: Flags.string({
      description: 'milliseconds one way between a home and the internet (all sorts if nothing says)',
    }),
    within: Flags.string({ description: 'seconds in which a pair must become direct (20 if nothing says)' }),
    trouble: Flags.boolean({
      description: 'in each world something happens then: a host roams or sleeps, a router restarts, a link is cut',
    }),
    relays: Flags.boolean({
      description: 'nodes that can be reached pass on the packets of others: every pair must be connected',
    }),
    mermaid: Flags.boolean({ description: 'show the packets of every failed pair, not only of the first two' }),
    json: Flags.boolean({ description: 'for scripts: counts, times and failures' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Sim)
    const { campaign, story } = await import('../../sim/campaign.ts')
    const stop = new AbortController()
    const onInterrupt = () => stop.abort()
    process.once('SIGINT', onInterrupt)
    const began = performance.now()
    const options: CampaignOptions = {
      seed: numberOf('seed', flags.seed ?? '1', 0, 2 ** 31),
      pairs: numberOf('pairs', flags.pairs ?? '200', 1, 10_000_000),
      members: numberOf('members', flags.members ?? '4', 2, 16),
      within: numberOf('within', flags.within ?? '20', 1, 600) * second,
      ...(flags.loss !== undefined && { loss: numberOf('loss', flags.loss, 0, 90) / 100 }),
      ...(flags.delay !== undefined && { delay: numberOf('delay', flags.delay, 0, 2_000) }),
      trouble: flags.trouble,
      relays: flags.relays,
      signal: stop.signal,
      progress: (pairs, failures) => showProgress(pairs, failures),
    }
    const report = await campaign(options, systemThreads)
    clearProgress()
    process.off('SIGINT', onInterrupt)
    const minutes = (performance.now() - began) / (60 * second)
    if (!report.ok) process.exitCode = exit.failed
    if (stop.signal.aborted) process.exitCode = exit.interrupted
    if (flags.json) {
      this.log(JSON.stringify(report, null, 2))
      return
    }
    this.log(simTable(report))
    this.log(`${report.pairs} pairs in ${report.worlds} worlds, ${Math.round(report.pairs / minutes)} a minute`)
    const given = ['members', 'loss', 'delay', 'within'] as const
    const words = given.flatMap(name => (flags[name] === undefined ? [] : [`${name} ${flags[name]}`]))
    if (flags.trouble) words.push('trouble')
    if (flags.relays) words.push('relays')
    for (const [i, failed] of report.failures.entries()) {
      this.log(`\n${failureLine(failed)}\n  ${repeatCommand(failed, [...words, 'mermaid'])}`)
      if (flags.mermaid || i < storiesTold) this.log(`\n${await story(failed, options)}`)
    }
  }
}

function numberOf(name: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < least || number > most) {
    throw new Failure(`${name}: "${text}" is not a number from ${least} to ${most}`, { exit: exit.usage })
  }
  return number
}

function showProgress(pairs: number, failures: number): void {
  const { stderr } = process
  if (stderr.isTTY) stderr.write(`\r\x1b[K${pairs} pairs${failures > 0 ? `, ${failures} failed` : ''}`)
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}
