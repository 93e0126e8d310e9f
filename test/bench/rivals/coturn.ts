/**
 * coturn (Debian), a TURN server, and as much of TURN (RFC 8656) as one flow through it needs: an allocation, and a channel to the one peer.
 * A channel is what costs a relay least: four bytes in front of the data on the client's side, nothing on the peer's.
 *
 * Not the package's own `turnutils_uclient`: it sends at the pace of a timer and counts what it gets back itself, in a process, on the two
 * cores that are measured. So its figures would say nothing beside those of the bench's own sender and counter.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Endpoint } from '../../../src/base/ip.ts'
import type { Host, Program } from '../../lab/lab.ts'
import { say } from '../../system/relay-lab.ts'

const port = 3478
const cookie = 0x2112a442
const channel = 0x4000
const methods = { allocate: 0x003, channelBind: 0x009 }
const success = 0x100
const attributes = { channelNumber: 0x0c, xorPeerAddress: 0x12, requestedTransport: 0x19 }
const [udp, ipv4] = [17, 1]

/** Whether it is here; says so where it is not. */
export async function hasCoturn(): Promise<boolean> {
  try {
    await promisify(execFile)('turnserver', ['--version'])
    return true
  } catch (error) {
    console.log(`coturn is not measured (sh bin/setup bench installs it): ${(error as Error).message}`)
    return false
  }
}

export class Coturn {
  readonly endpoint: Endpoint
  readonly #program: Program

  private constructor(endpoint: Endpoint, program: Program) {
    this.endpoint = endpoint
    this.#program = program
  }

  static async start(host: Host, address: string): Promise<Coturn> {
    const only = ['-n', '--no-auth', '--no-cli', '--no-tls', '--no-dtls', '--no-tcp', '--no-tcp-relay']
    const where = [`--listening-ip=${address}`, `--relay-ip=${address}`, `--listening-port=${port}`]
    const program = host.spawn(['turnserver', ...only, ...where, '--log-file=/dev/null'])
    return new Coturn({ host: address, port }, program)
  }

  /**
   * Opens a channel from a port of `client` to a peer. It lasts for ten minutes, and belongs to the port: whoever has that next can use it.
   * @returns what to put in front of data of `size` bytes
   */
  async channel(client: Host, from: number, peer: Endpoint, size: number): Promise<number[]> {
    await this.#ask(client, from, methods.allocate, [attribute(attributes.requestedTransport, [udp, 0, 0, 0])])
    const address = peer.host.split('.').map((byte, i) => Number(byte) ^ bytes(cookie, 4)[i]!)
    await this.#ask(client, from, methods.channelBind, [
      attribute(attributes.channelNumber, bytes(channel * 0x10000, 4)),
      attribute(attributes.xorPeerAddress, [0, ipv4, ...bytes(peer.port ^ (cookie >>> 16), 2), ...address]),
    ])
    return [...bytes(channel, 2), ...bytes(size, 2)]
  }

  async close(): Promise<void> {
    this.#program.kill('SIGKILL')
    await this.#program.ended
  }

  /** Until there is an answer: the server may still be starting. */
  async #ask(client: Host, from: number, method: number, body: readonly number[][]): Promise<void> {
    const all = body.flat()
    const transaction = Array.from({ length: 12 }, (_, i) => (method + i) & 255)
    const request = [...bytes(method, 2), ...bytes(all.length, 2), ...bytes(cookie, 4), ...transaction, ...all]
    for (let tries = 0; tries < 10; tries++) {
      const answer = await say(client, from, this.endpoint, request)
      if (answer === '') continue
      if (Number.parseInt(answer.slice(0, 4), 16) === method + success) return
      throw new Error(`coturn refuses ${method}: ${answer}`)
    }
    throw new Error(`coturn does not answer: ${this.#program.out}${this.#program.err}`)
  }
}

function attribute(type: number, value: readonly number[]): number[] {
  return [...bytes(type, 2), ...bytes(value.length, 2), ...value]
}

/** The most significant first. */
function bytes(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (value >>> (8 * (count - 1 - i))) & 255)
}
