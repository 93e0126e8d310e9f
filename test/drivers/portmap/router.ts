// A home router in memory, on a simulated clock: what the machine's UDP, HTTP and routes would show of it. Its bytes are made by hand,
// after the RFCs, so that nothing of ours is tested by itself.

import type { Endpoint } from '../../../src/base/ip.ts'
import { PortMapper } from '../../../src/drivers/portmap/mapper.ts'
import { systemCrypto } from '../../../src/os/crypto.ts'
import type { WebAnswer, WebQuestion } from '../../../src/os/web.ts'
import { Simulation } from '../../../src/sim/simulation.ts'

export const gateway = '192.168.1.1'
export const own = '192.168.1.10'
/** One way. */
const delay = 2

const number = (value: number, length: number) =>
  Array.from({ length }, (_, i) => Math.floor(value / 256 ** (length - 1 - i)) % 256)
const address = (text: string) => text.split('.').map(Number)

export type Packet = { readonly bytes: Uint8Array; readonly to: Endpoint; readonly from: Endpoint }

export class Router {
  readonly simulation = new Simulation(1)
  speaks = new Set(['pcp', 'nat-pmp', 'upnp'])
  external = '203.0.113.7'
  /** Seconds that it gives at most. */
  longest = 7_200
  /** What it says instead of doing it, if not 0. */
  pcpResult = 0
  natPmpResult = 0
  /** Numbers of errors for the next AddPortMapping, in turn. */
  upnpErrors: number[] = []
  /** What its web server has; a test may change it. */
  description = description
  location = `http://${gateway}:5000/root.xml`
  /** From where its answers come; not itself, where a test says so. */
  answersFrom = gateway
  /** Which packets are lost on their way to it. */
  loses: (bytes: Uint8Array) => boolean = () => false
  /** Bytes behind each of its answers by UDP. */
  padding = 0
  /** By external port. */
  readonly mappings = new Map<number, { by: string; internal: number; client: string; name: string; seconds: number }>()
  readonly seen: Packet[] = []
  readonly actions: string[] = []
  #announced: (bytes: Uint8Array, from: string) => void = () => {}
  gateways = [{ interface: 'eth0', address: gateway }]
  addresses = [own]

  mapper(secret = 7): PortMapper {
    const { simulation } = this
    return new PortMapper({
      secret: new Uint8Array(32).fill(secret),
      os: {
        clock: simulation,
        random: simulation,
        crypto: systemCrypto,
        routes: { gateways: () => this.gateways },
        links: {
          addresses: () =>
            this.addresses.map(each => ({
              interface: 'eth0',
              address: each,
              length: 24,
              family: 4 as const,
              loopback: false,
              linkLocal: false,
              pointToPoint: false,
              multicast: true,
            })),
          watch: () => ({ close() {} }),
        },
        multicast: {
          open: async (_group, receive) => {
            this.#announced = receive
            return { join() {}, send() {}, close() {} }
          },
        },
        udp: {
          bind: async (host, _port, receive) => {
            const from = { host, port: simulation.int(1_024, 65_536) }
            let open = true
            return {
              port: from.port,
              send: (bytes, to) => {
                this.seen.push({ bytes, to, from })
                if (this.loses(bytes)) return
                simulation.at(simulation.now() + delay, () => {
                  const answers = this.#answer(bytes, to)
                  simulation.at(simulation.now() + delay, () => {
                    for (const answer of answers)
                      if (open)
                        receive(Uint8Array.of(...answer, ...new Uint8Array(this.padding)), {
                          host: this.answersFrom,
                          port: to.port,
                        })
                  })
                })
              },
              close: () => {
                open = false
              },
            }
          },
        },
        web: {
          ask: (to, question, { bytes, signal }) =>
            new Promise(resolve => {
              simulation.at(simulation.now() + delay, () => {
                const answer = to.host === gateway && this.speaks.has('upnp') ? this.#web(question) : null
                const whole = answer && answer.body.length <= bytes ? answer : null
                simulation.at(simulation.now() + delay, () => resolve(signal?.aborted ? null : whole))
              })
            }),
        },
      },
    })
  }

  announce(from = gateway): void {
    this.#announced(new Uint8Array(12), from)
  }

  #answer(bytes: Uint8Array, to: Endpoint): Uint8Array[] {
    if (to.port === 1900 && this.speaks.has('upnp')) return this.#search(bytes)
    if (to.host !== gateway || to.port !== 5351) return []
    if (bytes[0] === 2 && this.speaks.has('pcp')) return [Uint8Array.from(this.#pcp(bytes))]
    if (bytes[0] === 2 && this.speaks.has('nat-pmp')) return [Uint8Array.of(0, 128 + bytes[1]!, 0, 1, 0, 0, 0, 9)]
    if (bytes[0] === 0 && this.speaks.has('nat-pmp')) return [Uint8Array.from(this.#natPmp(bytes))]
    return []
  }

  #pcp(bytes: Uint8Array): number[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const head = (result: number, seconds: number) => [
      2,
      128 + bytes[1]!,
      0,
      result,
      ...number(seconds, 4),
      ...number(9, 4),
      ...number(0, 12),
    ]
    if (bytes[1] === 0) return head(0, 0)
    const seconds = Math.min(view.getUint32(4), this.longest)
    const [internal, wanted] = [view.getUint16(40), view.getUint16(42)]
    const nonce = [...bytes.slice(24, 36)]
    const body = (external: number) => [
      ...nonce,
      17,
      0,
      0,
      0,
      ...number(internal, 2),
      ...number(external, 2),
      ...number(0, 10),
      255,
      255,
      ...address(this.external),
    ]
    if (this.pcpResult) return [...head(this.pcpResult, 30), ...body(0)]
    const external = this.#give('pcp', internal, wanted, seconds, nonce.join())
    return [...head(0, seconds), ...body(external)]
  }

  #natPmp(bytes: Uint8Array): number[] {
    const head = (result: number) => [0, 128 + bytes[1]!, ...number(result, 2), ...number(9, 4)]
    if (this.natPmpResult) return head(this.natPmpResult)
    if (bytes[1] === 0) return [...head(0), ...address(this.external)]
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const seconds = Math.min(view.getUint32(8), this.longest)
    const internal = view.getUint16(4)
    const external = this.#give('nat-pmp', internal, view.getUint16(6), seconds, '')
    return [...head(0), ...number(internal, 2), ...number(external, 2), ...number(seconds, 4)]
  }

  /** Zero seconds remove; a port that is taken is not given twice. */
  #give(by: string, internal: number, wanted: number, seconds: number, name: string): number {
    const mine = [...this.mappings].find(([, it]) => it.internal === internal && it.client === own && it.name === name)
    if (mine) this.mappings.delete(mine[0])
    if (seconds === 0) return 0
    let external = mine?.[0] ?? wanted
    while (this.mappings.has(external)) external++
    this.mappings.set(external, { by, internal, client: own, name, seconds })
    return external
  }

  #search(bytes: Uint8Array): Uint8Array[] {
    const target = /\nST: (.+)\r\n/.exec(new TextDecoder().decode(bytes))?.[1]
    return [new TextEncoder().encode(`HTTP/1.1 200 OK\r\nST: ${target}\r\nLocation: ${this.location}\r\n\r\n`)]
  }

  #web({ method, path, headers, body = '' }: WebQuestion): WebAnswer | null {
    if (method === 'GET') return path === '/root.xml' ? { status: 200, body: this.description } : null
    const action = headers?.soapaction?.split('#')[1]?.replace('"', '') ?? ''
    this.actions.push(action)
    const value = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? ''
    const fault = (code: number) => ({
      status: 500,
      body: `<s:Envelope xmlns:s="e"><s:Body><s:Fault><detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>`,
    })
    const done = (inner = '') => ({
      status: 200,
      body: `<?xml version="1.0"?><s:Envelope xmlns:s="e"><s:Body><u:${action}Response xmlns:u="u">${inner}</u:${action}Response></s:Body></s:Envelope>`,
    })
    const port = Number(value('NewExternalPort'))
    if (path !== '/ctl') return null
    if (action === 'GetExternalIPAddress') return done(`<NewExternalIPAddress>${this.external}</NewExternalIPAddress>`)
    if (action === 'AddPortMapping') {
      const error = this.upnpErrors.shift()
      if (error) return fault(error)
      const entry = { internal: Number(value('NewInternalPort')), client: value('NewInternalClient') }
      const [name, seconds] = [value('NewPortMappingDescription'), Number(value('NewLeaseDuration'))]
      this.mappings.set(port, { by: 'upnp', ...entry, name, seconds })
      return done()
    }
    if (action === 'DeletePortMapping') return this.mappings.delete(port) ? done() : fault(714)
    if (action === 'GetGenericPortMappingEntry') {
      const entry = [...this.mappings][Number(value('NewPortMappingIndex'))]
      if (!entry) return fault(713)
      const [external, { internal, client, name }] = entry
      return done(
        `<NewExternalPort>${external}</NewExternalPort><NewProtocol>UDP</NewProtocol><NewInternalPort>${internal}</NewInternalPort><NewInternalClient>${client}</NewInternalClient><NewPortMappingDescription>${name}</NewPortMappingDescription>`,
      )
    }
    return fault(401)
  }
}

const service = (type: string, control: string) =>
  `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType><controlURL>${control}</controlURL></service>`

/** As routers have it: the service three devices deep, and a bare `&` in a name. */
export const description = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device>
  <deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>Box & Co</friendlyName>
  <serviceList>${service('Layer3Forwarding:1', '/other')}</serviceList>
  <deviceList><device><deviceList><device><serviceList>${service('WANIPConnection:1', '/ctl')}</serviceList></device></deviceList></device></deviceList>
</device></root>\0`
