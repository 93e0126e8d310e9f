/**
 * The daemon as a process. Over an IPC channel it hears the options (paths and names, no secret) from whoever started it, and says that
 * it is ready or why not; systemd hears that through `sd_notify`. SIGTERM and Ctrl-C take the network down.
 */

import { flushCompileCache } from 'node:module'
import { Failure } from '../base/failure.ts'
import { createLogger } from '../base/log.ts'
import { systemOs } from '../os/index.ts'
import { type Daemon, type Ready, startDaemon } from './daemon.ts'
import { logFile } from './paths.ts'
import type { Options } from './prepare.ts'

export type Message =
  | { readonly ready: Ready }
  | { readonly failed: { message: string; remedy?: string; exit: number; expected: boolean } }

/** A log larger than this starts anew with the daemon. */
const maxLog = 1024 * 1024

function tell(message: Message): void {
  // whoever started us may be gone by now, and then nobody needs to know
  if (process.send) process.send(message, undefined, {}, () => process.connected && process.disconnect())
}

/** sd_notify(3), by systemd's own program: Node cannot send on a unix datagram socket. */
async function notifySystemd(...assignments: string[]): Promise<void> {
  if (process.env.NOTIFY_SOCKET) await systemOs.programs.run(['systemd-notify', `--pid=${process.pid}`, ...assignments])
}

/** Where the log goes: standard error in the foreground, else a file named after the network. */
export type LogTarget = 'stderr' | 'file'

export async function main(
  options: Options,
  target: LogTarget,
  report: (message: Message) => void = tell,
): Promise<void> {
  let write: (line: string) => void = line => process.stderr.write(line)
  const log = createLogger((level, line) => {
    if (level !== 'debug' || process.env.WH_DEBUG) write(`${new Date().toISOString()} ${line}\n`)
  })
  const openLog = (network: string) => {
    performance.mark('checked')
    const path = logFile(systemOs.machine, network)
    try {
      if (target === 'file') write = systemOs.files.appender(path, maxLog)
    } catch {
      // a log that cannot be written is no reason to be without a network
    }
    return log
  }
  process.on('uncaughtException', error => {
    log.error('crashed', { error: String(error.stack) })
    process.exit(1)
  })
  // libp2p's WebRTC leaves calls that are called off to nobody (docs/protocol/carrier.md); all else that nobody waits for is a mistake of ours
  process.on('unhandledRejection', reason => {
    if (!(reason instanceof DOMException)) throw reason
    log.warn('called off, and nobody waited for it', { error: reason.message })
  })
  let daemon: Daemon | undefined
  let unwanted = false
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      log.info('going down', { signal })
      // half of a start cannot be undone; it is finished first
      unwanted = true
      daemon?.stop().catch(() => {})
      void notifySystemd('--stopping')
    })
  }
  const live = async (tellReady: (ready: Ready) => void) => {
    const started = await startDaemon(systemOs, options, openLog)
    daemon = started
    if (unwanted) started.stop().catch(() => {})
    void started.stopped
      .then(async end => {
        if (end === 'over') process.exit(0)
        log.info('coming up again')
        await live(() => {})
      })
      .catch(error => {
        log.error('could not take everything down', { error: String(error) })
        process.exit(1)
      })
    for (const note of started.ready.notes) log.warn(note)
    const { network, interface: name, backend, listenPort } = started.ready
    log.info('up', { network, interface: name, backend, port: listenPort })
    tellReady(started.ready)
  }
  try {
    await live(ready => report({ ready }))
    log.debug('started', { phases: phases() })
    // at its end, which is Node's time for this, the daemon may be killed
    flushCompileCache()
    await notifySystemd('--ready', `--status=${daemon!.ready.network} is up`)
  } catch (error) {
    const expected = error instanceof Failure
    // what the system refused needs no stack; our own mistakes do
    const refused = (error as NodeJS.ErrnoException).syscall !== undefined
    const message = expected || refused ? (error as Error).message : String((error as Error).stack ?? error)
    // in the foreground whoever called says it
    if (target === 'file' || !expected) log.error(message)
    const remedy = expected ? error.remedy : undefined
    report({
      failed: { message, exit: expected ? error.exit : 1, expected, ...(remedy === undefined ? {} : { remedy }) },
    })
    process.exitCode = expected ? error.exit : 1
  }
}

/** Milliseconds from the start of this process to the end of each phase, which `npm run bench start` prints. */
function phases(): string {
  performance.mark('ready')
  return performance
    .getEntriesByType('mark')
    .map(({ name, startTime }) => `${name} ${Math.round(startTime)}`)
    .join(', ')
}

/** The options, from whoever started us. If it goes without a word, nobody wants us. */
function awaitOptions(): Promise<Options> {
  return new Promise(resolve => {
    const end = () => process.exit()
    if (!process.connected) end()
    process.once('disconnect', end)
    process.once('message', options => {
      performance.mark('told')
      process.off('disconnect', end)
      resolve(options as Options)
    })
  })
}

if (import.meta.main) {
  performance.mark('loaded')
  await main(await awaitOptions(), 'file')
}
