/** The wire between the middle of the internet and a host or router, with the public addresses at its end. */

import type { Host } from '../lab.ts'
import type { Internet } from './internet.ts'

export class Wire {
  readonly #internet: Internet
  readonly #host: Host
  /** The host's end and the middle's. */
  readonly #name: string
  readonly #port: string
  /** IPv6: `::1` is the middle, `::2` the host, `1::/64` what is behind it. */
  readonly prefix6: string
  /** Of IPv4, the first where there are several. */
  address: string

  private constructor(internet: Internet, number: number, host: Host, name: string, address: string) {
    this.#internet = internet
    this.#host = host
    this.#name = name
    this.#port = `port${number}`
    this.prefix6 = `2001:db8:${number.toString(16)}`
    this.address = address
  }

  static async lead(
    internet: Internet,
    number: number,
    host: Host,
    { name, ipv6 }: { name: string; ipv6: boolean },
  ): Promise<Wire> {
    const { core } = internet
    const subnet = internet.nextSubnet()
    const wire = new Wire(internet, number, host, name, subnet.host)
    const { prefix6 } = wire
    const port = wire.#port
    await core.ip([
      // own numbers for ports, for the reason told in lab.ts
      `link add dev ${port} index ${1_000 + number} type veth peer name ${name} netns ${host.pid}`,
      `link set dev ${port} up`,
      `address add ${subnet.middle}/30 dev ${port}`,
      `address add ${prefix6}::1/64 dev ${port} nodad`,
    ])
    await host.ip([
      `link set dev ${name} up`,
      `address add ${subnet.host}/30 dev ${name}`,
      `route add default via ${subnet.middle}`,
      ...(ipv6 ? [`address add ${prefix6}::2/64 dev ${name} nodad`, `route add default via ${prefix6}::1`] : []),
    ])
    if (ipv6) await core.ip([`route add ${prefix6}:1::/64 via ${prefix6}::2`])
    return wire
  }

  /** One more address beside the first. */
  async add(): Promise<string> {
    const { middle, host } = this.#internet.nextSubnet()
    await this.#internet.core.ip([`address add ${middle}/30 dev ${this.#port}`])
    await this.#host.ip([`address add ${host}/30 dev ${this.#name}`])
    return host
  }

  /** Another address instead of the first, as after a night at some providers. IPv6 stays. */
  async renumber(): Promise<string> {
    const { middle, host } = this.#internet.nextSubnet()
    await this.#internet.core.ip([
      `address flush dev ${this.#port} to ${this.address}/30`,
      `address add ${middle}/30 dev ${this.#port}`,
    ])
    await this.#host.ip([
      `address delete ${this.address}/30 dev ${this.#name}`,
      `address add ${host}/30 dev ${this.#name}`,
      `route replace default via ${middle}`,
    ])
    this.address = host
    return host
  }
}
