/**
 * A lock that the kernel gives back when its holder dies, however it dies: flock(2), held by a `cat` that reads from us. When this
 * process ends, its pipe closes, `cat` sees the end of its input, and the lock is free.
 */

import { spawn } from 'node:child_process'

export type Lock = { release(): void }

export interface Locks {
  /** The lock, or `null` where another process holds it still after `wait` seconds. */
  acquire(path: string, wait?: number): Promise<Lock | null>
}

const conflict = 75

export const systemLocks: Locks = {
  acquire(path, wait = 0) {
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
        resolve({ release: () => child.stdin.end() })
      })
      child.stdin.write('\n')
    })
  },
}
