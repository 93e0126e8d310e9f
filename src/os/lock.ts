/**
 * A lock that the kernel gives back when its holder dies, however it dies: flock(2), held by a `cat` that reads from us. When this
 * process ends, its pipe closes, `cat` sees the end of its input, and the lock is free. The file is removed with the lock; so whoever gets a
 * lock looks whether its file is still the one under that name.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { readdirSync, rmSync, statSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'

export type Lock = { release(): void }

export interface Locks {
  /** The lock, or `null` where another process holds it still after `wait` seconds. */
  acquire(path: string, wait?: number): Promise<Lock | null>
}

const conflict = 75

export const systemLocks: Locks = {
  async acquire(path, wait = 0) {
    for (;;) {
      const holder = await hold(path, wait)
      if (!holder) return null
      if (isUnder(path, holder.pid!)) {
        return {
          release() {
            rmSync(path, { force: true })
            holder.stdin.end()
          },
        }
      }
      holder.stdin.end()
    }
  },
}

/** Has the process this very file open, under this name? */
function isUnder(path: string, pid: number): boolean {
  const file = statSync(path, { throwIfNoEntry: false })
  if (!file) return false
  const open = readdirSync(`/proc/${pid}/fd`).map(fd => statSync(`/proc/${pid}/fd/${fd}`))
  return open.some(({ dev, ino }) => dev === file.dev && ino === file.ino)
}

function hold(path: string, wait: number): Promise<ChildProcessByStdio<Writable, Readable, null> | null> {
  const limit = wait > 0 ? ['--wait', String(wait)] : ['--nonblock']
  const argv = [...limit, '--conflict-exit-code', String(conflict), '--no-fork', path, 'cat']
  // a process group of its own: Ctrl-C on the terminal ends us first, and us alone
  const child = spawn('flock', argv, { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
  return new Promise((resolve, reject) => {
    child.on('error', error => reject(new Error(`cannot run flock: ${error.message}`)))
    child.stdin.on('error', () => {})
    child.on('exit', code => {
      if (code === conflict) resolve(null)
      else reject(new Error(`flock ${path} failed with exit status ${code}`))
    })
    // an echo means that flock has become cat, and it does so only with the lock in hand
    child.stdout.once('data', () => {
      child.unref()
      resolve(child)
    })
    child.stdin.write('\n')
  })
}
