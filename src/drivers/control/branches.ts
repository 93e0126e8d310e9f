/**
 * Sockets beside W that become W for one peer (port.ts): birthday probing opens hundreds, binds one, and closes the rest.
 *
 *     open ── bind ──▶ bound: what W exchanges with that endpoint passes the socket by, in the kernel
 *       └──── close ◀────┘
 *
 * A socket keeps its port as long as anything is bound to it, so that no other program gets the port and with it our packets.
 */

import { Failure } from '../../base/failure.ts'
import { type Endpoint, familyOf, formatEndpoint } from '../../base/ip.ts'
import type { Udp, UdpSocket } from '../../os/udp.ts'
import type { HeldRules } from './held-rules.ts'
import type { Branch, Branches } from './port.ts'
import { controlHopLimit } from './socket.ts'
import type { Traffic } from './traffic.ts'

/** Four peers at 256 each, and what stays bound. Each takes a file descriptor, and one entry in the machine's conntrack. */
const mostOpen = 1_280

type Receive = Parameters<Branches['open']>[1]

export class NftBranches implements Branches {
  readonly #udp: Udp
  readonly #rules: Pick<HeldRules, 'bind' | 'unbind'>
  readonly #traffic: Traffic
  readonly #open = new Set<SocketBranch>()
  #opening = 0
  #closed = false

  constructor(udp: Udp, rules: Pick<HeldRules, 'bind' | 'unbind'>, traffic: Traffic) {
    this.#udp = udp
    this.#rules = rules
    this.#traffic = traffic
  }

  async open(count: number, receive: Receive): Promise<Branch[]> {
    const room = mostOpen - this.#open.size - this.#opening
    if (count > room) throw new Failure(`no room for ${count} sockets beside W: ${mostOpen} at most, ${room} are left`)
    this.#opening += count
    const made: SocketBranch[] = []
    try {
      while (made.length < count) made.push(await this.#openOne(receive))
      return made
    } catch (error) {
      for (const branch of made) branch.close()
      throw error
    } finally {
      this.#opening -= count - made.length
    }
  }

  async bind(to: Endpoint, branch: Branch | null): Promise<void> {
    if (familyOf(to.host) !== 4) throw new TypeError(`a branch is for IPv4, and ${formatEndpoint(to)} is not`)
    if (branch === null) return await this.#rules.bind(to, null)
    if (![...this.#open].some(each => each === branch)) throw new Failure(`the branch at port ${branch.port} is closed`)
    await this.#rules.bind(to, branch.port)
  }

  /** All of them, after the rules are gone. */
  close(): void {
    this.#closed = true
    for (const branch of this.#open) branch.socket.close()
    this.#open.clear()
  }

  async #openOne(receive: Receive): Promise<SocketBranch> {
    const traffic = this.#traffic
    let branch: SocketBranch | undefined
    const heard = (bytes: Uint8Array, from: Endpoint) => {
      if (branch && this.#open.has(branch)) traffic.accept(null, bytes, from, (...it) => receive(...it, branch!))
    }
    const options = { hopLimit: controlHopLimit, onLost: () => traffic.drop('not sent') }
    const socket = await this.#udp.bind('0.0.0.0', 0, heard, options)
    if (this.#closed) {
      socket.close()
      throw new Failure('the control port is closed')
    }
    branch = new SocketBranch(socket, traffic, () => this.#release(branch!))
    this.#open.add(branch)
    this.#opening--
    return branch
  }

  #release(branch: SocketBranch): void {
    if (!this.#open.delete(branch)) return
    // where nft cannot unbind it, the whole table is gone or about to be
    void this.#rules
      .unbind(branch.port)
      .catch(() => {})
      .then(() => branch.socket.close())
  }
}

class SocketBranch implements Branch {
  readonly port: number
  readonly socket: UdpSocket
  readonly close: () => void
  readonly #traffic: Traffic

  constructor(socket: UdpSocket, traffic: Traffic, close: () => void) {
    this.port = socket.port
    this.socket = socket
    this.close = close
    this.#traffic = traffic
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    if (familyOf(to.host) === 4) {
      this.#traffic.counters.sent++
      this.socket.send(bytes, to)
    } else this.#traffic.drop('no IPv6 here')
  }
}
