/**
 * HTTP asked of a device on the local network, which is not trusted: by address, never by name, without following it elsewhere, and
 * no more of its answer is read than was said.
 */

import { request } from 'node:http'
import type { Address, Endpoint } from '../base/ip.ts'
import type { Time } from '../base/time.ts'

export type WebQuestion = {
  readonly method: 'GET' | 'POST'
  /** With its leading slash. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export type WebAnswer = { readonly status: number; readonly body: string }

export type WebLimits = {
  /** From the first packet to the last byte. */
  readonly time: Time
  /** Of the body. */
  readonly bytes: number
  /** Our address to ask from. */
  readonly from?: Address
  readonly signal?: AbortSignal
}

export interface Web {
  /** `null` where no whole answer came within the limits. @param to an address, not a name */
  ask(to: Endpoint, question: WebQuestion, limits: WebLimits): Promise<WebAnswer | null>
}

const longestHeader = 8 * 1024

export const systemWeb: Web = {
  ask({ host, port }, { method, path, headers = {}, body }, { time, bytes, from, signal }) {
    return new Promise(resolve => {
      const end = (answer: WebAnswer | null) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        outgoing?.destroy()
        resolve(answer)
      }
      const abort = () => end(null)
      const timer = setTimeout(abort, time)
      timer.unref()
      let outgoing: ReturnType<typeof request> | null = null
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort)
      try {
        outgoing = request({
          host,
          port,
          path,
          method,
          agent: false,
          maxHeaderSize: longestHeader,
          headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
          ...(from === undefined ? {} : { localAddress: from }),
        })
      } catch {
        return abort() // a path with characters that HTTP does not have
      }
      outgoing.on('error', abort)
      outgoing.on('response', incoming => {
        const chunks: Buffer[] = []
        let size = 0
        incoming.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > bytes) abort()
          else chunks.push(chunk)
        })
        incoming.on('error', abort)
        incoming.on('end', () => end({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
      })
      outgoing.end(body)
    })
  },
}
