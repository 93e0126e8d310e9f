/**
 * Outgoing WebSockets in TLS. Who answers is not asked for a certificate: what runs inside proves who it is, and addresses have none.
 */

import { HttpsProxyAgent } from 'https-proxy-agent'
import { getProxyForUrl } from 'proxy-from-env'
import WebSocket from 'ws'
import { type Endpoint, formatEndpoint } from '../base/ip.ts'
import { second } from '../base/time.ts'

/** Bytes of one message: far above any that libp2p sends, and a bound for what a stranger may send. */
const longestMessage = 256 * 1024
const handshakeTime = 5 * second

/** The HTTP proxy that the environment names for this place; `null`: none. */
export function proxyFor(to: Endpoint): URL | null {
  const text = getProxyForUrl(`https://${formatEndpoint(to)}/`)
  return URL.canParse(text) ? new URL(text) : null
}

/** @param proxy by CONNECT through it @returns one that is being opened: it fires `open`, or `error` */
export function connectWebSocket(to: Endpoint, proxy: URL | null): WebSocket {
  return new WebSocket(urlOf(to), {
    rejectUnauthorized: false,
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: longestMessage,
    handshakeTimeout: handshakeTime,
    ...(proxy && { agent: new HttpsProxyAgent(proxy, { rejectUnauthorized: false }) }),
  })
}

const urlOf = (to: Endpoint) => `wss://${formatEndpoint(to)}/`
