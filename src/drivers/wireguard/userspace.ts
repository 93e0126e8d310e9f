/**
 * `wireguard-go`, where the kernel has no WireGuard. It goes on when we die, as the kernel would; it ends when its interface is
 * deleted. Its control socket is a file that all network namespaces share unless they have a `/run` of their own.
 */

import { Failure } from '../../base/failure.ts'
import type { Logger } from '../../base/log.ts'
import type { Os } from '../../os/index.ts'
import type { Programs } from '../../os/run.ts'
import type { Step } from './plan.ts'

const socketOf = (name: string) => `/var/run/wireguard/${name}.sock`

/** Is there a `wireguard-go` with this interface name, in whatever network namespace? One that was killed leaves its socket. */
export function userspaceRuns({ files, http }: Pick<Os, 'files' | 'http'>, name: string): Promise<boolean> {
  return files.info(socketOf(name)) ? http.listening(socketOf(name)) : Promise.resolve(false)
}

/** Removes the socket that a killed `wireguard-go` left. */
export async function removeDeadSocket(os: Pick<Os, 'files' | 'http'>, name: string): Promise<void> {
  if (os.files.info(socketOf(name)) && !(await userspaceRuns(os, name))) os.files.remove(socketOf(name))
}

export async function startUserspace(
  programs: Programs,
  log: Logger,
  name: string,
  show: (step: Step) => void,
): Promise<void> {
  const argv = ['wireguard-go', name]
  if (!programs.find('wireguard-go')) {
    throw new Failure('this kernel has no WireGuard, and wireguard-go is not installed', {
      remedy: 'apt install wireguard-go, or a kernel with WireGuard (Linux 5.6 or newer has it)',
    })
  }
  log.warn('this kernel has no WireGuard: using wireguard-go, which is slower', { interface: name })
  show({ argv })
  // so it puts itself in the background once the interface is ready, without our pipes, and tells by its exit status
  const result = await programs.run(argv, { env: { WG_PROCESS_FOREGROUND: undefined, LOG_LEVEL: undefined } })
  if (result.code !== 0) {
    throw new Failure(`wireguard-go ${name} failed: ${(result.err || result.out).trim().split('\n').at(-1)}`)
  }
  const wg = await programs.run(['wg', 'show', name])
  if (wg.code !== 0) throw new Failure(`wireguard-go ${name} started, but wg show ${name} says: ${wg.err.trim()}`)
}
