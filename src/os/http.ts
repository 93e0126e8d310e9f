/** HTTP over a unix socket that only its owner may open. */

import { chmodSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'

export type HttpRequest = { readonly method: string; readonly url: string; readonly body: string }
export type HttpAnswer = { readonly status: number; readonly body: string }

export interface Http {
  /** Listens on a unix socket of mode 0600, in place of what stood there. */
  listen(path: string, answer: (request: HttpRequest) => Promise<HttpAnswer>): Promise<{ close(): Promise<void> }>
  /** Does anybody listen on this unix socket? */
  listening(path: string): Promise<boolean>
  /** @throws with `code` (`ENOENT`, `ECONNREFUSED`, `EACCES`) where nobody answers. */
  ask(path: string, request: HttpRequest): Promise<HttpAnswer>
}

const maxBody = 64 * 1024

export const systemHttp: Http = {
  listen(path, answer) {
    const server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = []
      let size = 0
      incoming.on('data', chunk => {
        size += chunk.length
        if (size > maxBody) incoming.destroy()
        else chunks.push(chunk)
      })
      incoming.on('end', async () => {
        const { status, body } = await answer({
          method: incoming.method ?? 'GET',
          url: incoming.url ?? '/',
          body: Buffer.concat(chunks).toString(),
        })
        outgoing.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
        outgoing.end(body)
      })
    })
    rmSync(path, { force: true })
    // the socket must not be anybody's in the moment between bind and chmod
    const umask = process.umask(0o177)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, () => {
        chmodSync(path, 0o600)
        resolve({
          close: () =>
            new Promise(done => {
              server.close(() => done())
              // somebody who is connected and says nothing must not hold us
              server.closeAllConnections()
            }),
        })
      })
      process.umask(umask)
    })
  },

  listening: path =>
    new Promise(resolve => {
      const socket = connect(path)
      socket.on('error', () => resolve(false))
      socket.on('connect', () => {
        socket.destroy()
        resolve(true)
      })
    }),

  ask(path, { method, url, body }) {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { socketPath: path, method, path: url, headers: { 'content-type': 'application/json' } },
        incoming => {
          let text = ''
          incoming.setEncoding('utf8').on('data', chunk => {
            text += chunk
          })
          incoming.on('end', () => resolve({ status: incoming.statusCode ?? 500, body: text }))
          incoming.on('error', reject)
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  },
}
