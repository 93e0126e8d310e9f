/**
 * Makes one WireGuard interface be as wanted, with `ip` and `wg`. The kernel's WireGuard first; `wireguard-go` where the kernel
 * has none. An interface without our mark is never touched.
 */

import { Failure } from '../../base/failure.ts'
import { type Endpoint, sameEndpoint } from '../../base/ip.ts'
import type { Logger } from '../../base/log.ts'
import type { WallTime } from '../../base/time.ts'
import type { Os } from '../../os/index.ts'
import type { Result } from '../../os/run.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import { parseDump, parseLinks } from './dump.ts'
import type { ActualInterface, ActualLink, ActualPeer, WantedInterface, WantedPeer } from './interface.ts'
import {
  configure,
  createKernel,
  formatStep,
  type Given,
  isAlive,
  remove,
  type Step,
  setEndpoint,
  setKeepalive,
} from './plan.ts'
import { removeDeadSocket, startUserspace } from './userspace.ts'

export type Backend = 'kernel' | 'wireguard-go'

export type WireguardDriver = {
  /** Every link of this network namespace with its addresses. */
  links(): Promise<ActualLink[]>
  read(name: string): Promise<ActualInterface | null>
  /** What WireGuard says of each peer now: one program run, where `read` needs two. Empty where there is no such interface. */
  peers(name: string): Promise<ActualPeer[]>
  /**
   * Points one peer elsewhere, at once; its session goes on, if it has one.
   * @param tried the endpoint that it has now has had its chance: an attempt there is given up
   * @param options `keepQueue`: what waits for a session goes on waiting, and the caller sends the initiation that it waits for
   */
  setEndpoint(
    name: string,
    peer: WantedPeer & { endpoint: Endpoint },
    tried: boolean,
    now: WallTime,
    options?: { keepQueue?: boolean },
  ): Promise<void>
  /** @param seconds 0 is off */
  setKeepalive(name: string, key: PublicKey, seconds: number): Promise<void>
  /** Has a session begun where there is none. @param keepalive the peer's, seconds */
  shake(name: string, key: PublicKey, keepalive: number): Promise<void>
  /** Has a handshake that came to nothing given up, and another one begun at once; but not where there is a session, or more than `received`. */
  beginAnew(name: string, peer: WantedPeer, received: number, now: WallTime): Promise<void>
  create(wanted: WantedInterface): Promise<Backend>
  /** @param actual what `read` said just now @returns the commands that were run. */
  apply(wanted: WantedInterface, actual: ActualInterface | null, given: Given, now: WallTime): Promise<Step[]>
  /** Gives the interface another owner's mark. */
  hand(name: string, owner: string): Promise<void>
  /** Removes the interface if it is there, and what a killed `wireguard-go` left of it. */
  remove(name: string): Promise<void>
}

/** For a moment, seconds. */
const anyKeepalive = 25

/** The kernel has no such device type, or may not load the module for it. */
const noKernelWireguard = /unknown device type|not supported|operation not permitted|module .*not found/i

export function createWireguardDriver(
  os: Pick<Os, 'programs' | 'files' | 'http'>,
  log: Logger,
  show: (step: Step) => void = () => {},
): WireguardDriver {
  const { programs } = os
  async function run(step: Step): Promise<Result> {
    show(step)
    log.debug('run', { command: step.argv.slice(0, 12).join(' ') })
    return programs.run(step.argv, step.input === undefined ? {} : { input: step.input })
  }

  async function must(step: Step): Promise<void> {
    const result = await run(step)
    if (result.code === 0) return
    throw new Failure(explain(step, result), { cause: result })
  }

  const driver: WireguardDriver = {
    async links() {
      const { code, out, err } = await programs.run(['ip', '-json', '-details', 'address', 'show'])
      if (code !== 0) throw new Failure(`ip address show failed: ${err.trim()}`)
      return parseLinks(out)
    },

    async read(name) {
      const [address, dump] = await Promise.all([
        programs.run(['ip', '-json', '-details', 'address', 'show', 'dev', name]),
        programs.run(['wg', 'show', name, 'dump']),
      ])
      const link = address.code === 0 ? parseLinks(address.out)[0] : undefined
      if (!link) return null
      if (dump.code !== 0) return { ...link, listenPort: 0, peers: [] }
      return { ...link, ...parseDump(dump.out) }
    },

    async peers(name) {
      const dump = await programs.run(['wg', 'show', name, 'dump'])
      return dump.code === 0 ? parseDump(dump.out).peers : []
    },

    async setEndpoint(name, peer, tried, now, { keepQueue = false } = {}) {
      if (keepQueue) {
        for (const step of setEndpoint(name, peer, false)) await must(step)
        return
      }
      const is = (await driver.peers(name)).find(({ key }) => key === peer.key)
      // nobody sees whether WireGuard has tried without an endpoint, and its own implementation in Go counts even that
      const spoilt = is?.endpoint === undefined || (tried && !sameEndpoint(is.endpoint, peer.endpoint))
      for (const step of setEndpoint(name, peer, spoilt && !isAlive(is, now))) await must(step)
    },

    async setKeepalive(name, key, seconds) {
      for (const step of setKeepalive(name, key, seconds)) await must(step)
    },

    async shake(name, key, keepalive) {
      // a keepalive goes out when they are switched on, and takes a session
      for (const seconds of keepalive > 0 ? [0, keepalive] : [anyKeepalive, 0])
        await driver.setKeepalive(name, key, seconds)
    },

    async beginAnew(name, peer, received, now) {
      const is = (await driver.peers(name)).find(({ key }) => key === peer.key)
      if (!is?.endpoint || isAlive(is, now) || is.received !== received) return
      for (const step of setEndpoint(name, { ...peer, endpoint: is.endpoint }, true)) await must(step)
      // a peer whose keepalive is on has sent one already
      if (peer.keepalive === 0) await driver.shake(name, peer.key, 0)
    },

    hand: (name, owner) => must({ argv: ['ip', 'link', 'set', 'dev', name, 'alias', owner] }),

    async create(wanted) {
      const [step] = createKernel(wanted)
      const result = await run(step!)
      if (result.code === 0) return 'kernel'
      if (!noKernelWireguard.test(result.err)) throw new Failure(explain(step!, result), { cause: result })
      await startUserspace(programs, log, wanted.name, show)
      return 'wireguard-go'
    },

    async apply(wanted, actual, given, now) {
      if (!actual) throw new Failure(`interface ${wanted.name} is gone`, { remedy: 'wh down, then wh up again' })
      const steps = configure(wanted, actual, given, now)
      for (const step of steps) await must(step)
      return steps
    },

    async remove(name) {
      for (const step of remove(name)) {
        if (!(await driver.read(name))) break
        const result = await run(step)
        if (result.code !== 0 && (await driver.read(name))) throw new Failure(explain(step, result))
      }
      await removeDeadSocket(os, name)
    },
  }
  return driver
}

/** A failed command: what was run, and what it said. */
function explain(step: Step, { code, err }: Result): string {
  const said = err.trim() || `exit status ${code}`
  return `${formatStep({ argv: step.argv.slice(0, 8) })}\n${said}`
}
