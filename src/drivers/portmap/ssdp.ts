/**
 * Simple Service Discovery Protocol (UPnP Device Architecture 1.1 §1.3): asking who is an Internet Gateway Device, and where its
 * description is. Anybody on the link can answer; only the router's own word counts, and only where it leads to the router itself.
 */

import { type Address, type Endpoint, parseAddress } from '../../base/ip.ts'

export const ssdpGroup: Endpoint = { host: '239.255.255.250', port: 1900 }

/** The second version has to answer to the name of the first (§1.3.2), and some do not. */
const searchTargets = [1, 2].map(version => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`)

/** Answers are spread over so many seconds by chance; 1 is the least that can be asked for. */
export const searchSeconds = 1

export function searches(): Uint8Array[] {
  return searchTargets.map(target => {
    const lines = [
      'M-SEARCH * HTTP/1.1',
      `HOST: ${ssdpGroup.host}:${ssdpGroup.port}`,
      'MAN: "ssdp:discover"',
      `MX: ${searchSeconds}`,
    ]
    return new TextEncoder().encode(`${[...lines, `ST: ${target}`].join('\r\n')}\r\n\r\n`)
  })
}

/** Something on the router that is asked by HTTP. */
export type WebPlace = { readonly endpoint: Endpoint; readonly path: string }

const longestPath = 512

/** A URL that leads to the router, by its address; `null` for every other. */
export function webPlace(url: string, gateway: Address, base?: string): WebPlace | null {
  const parsed = URL.parse(url, base)
  if (parsed?.protocol !== 'http:' || parsed.username !== '' || parsed.password !== '') return null
  if (parseAddress(parsed.hostname) !== gateway) return null
  const path = `${parsed.pathname}${parsed.search}`
  const port = parsed.port === '' ? 80 : Number(parsed.port)
  return port === 0 || path.length > longestPath ? null : { endpoint: { host: gateway, port }, path }
}

/** Where the router's description is, as an answer to a search says it. */
export function readAnswer(bytes: Uint8Array, gateway: Address): WebPlace | null {
  const [status, ...lines] = new TextDecoder().decode(bytes).split(/\r?\n/)
  if (!/^HTTP\/1\.[01] 200\b/.test(status!)) return null
  const header = (name: string) =>
    lines
      .find(line => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim()
  if (!searchTargets.includes(header('st') ?? '')) return null
  return webPlace(header('location') ?? '', gateway)
}
