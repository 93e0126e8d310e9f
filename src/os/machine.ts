/** This machine, as far as a network program must know it: who we are, and in which network namespace. */

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'

export interface Machine {
  isRoot(): boolean
  /** The network namespace we are in: the machine's own (`null`), or its number, and its name where `ip netns` gave it one. */
  namespace(): { id: string; name: string | null } | null
  /** When a process started, as an opaque text that no later process with the same number shares; `null` if there is none or it has ended. */
  processStart(pid: number): string | null
  signal(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void
}

const namedNamespaces = '/run/netns'

export const systemMachine: Machine = {
  isRoot: () => process.geteuid?.() === 0,

  namespace() {
    const own = readlinkSync('/proc/self/ns/net')
    try {
      if (own === readlinkSync('/proc/1/ns/net')) return null
    } catch {
      // only with CAP_SYS_PTRACE may one look, and a daemon without it is one that systemd started, in the machine's own
      return null
    }
    const id = own.replace(/\D/g, '')
    let names: string[] = []
    try {
      names = readdirSync(namedNamespaces)
    } catch {}
    const name = names.find(entry => {
      try {
        return String(statSync(`${namedNamespaces}/${entry}`).ino) === id
      } catch {
        return false
      }
    })
    return { id, name: name ?? null }
  },

  processStart(pid) {
    try {
      // proc(5): the 22nd field; the 2nd may hold blanks and parentheses
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      // a zombie has ended; its parent has only not heard of it yet
      return state === 'Z' ? null : fields[18]!
    } catch {
      return null
    }
  },

  signal(pid, signal) {
    try {
      process.kill(pid, signal)
    } catch {}
  },
}
