import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { systemWeb, type WebLimits } from '../../src/os/web.ts'

async function asked(answer: RequestListener, limits: Partial<WebLimits> = {}) {
  const server = createServer(answer)
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const to = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  try {
    const question = { method: 'POST', path: '/a?b', headers: { soapaction: '"x"' }, body: 'böse' } as const
    return await systemWeb.ask(to, question, { time: 5_000, bytes: 1_000, from: '127.0.0.1', ...limits })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('a question and its answer', async () => {
  const answer = await asked((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', text => {
      body += text
    })
    request.on('end', () => {
      response.statusCode = 500
      const { 'content-length': length, soapaction } = request.headers
      response.end(`${request.method} ${request.url} ${soapaction} ${length} ${body}`)
    })
  })
  assert.deepEqual(answer, { status: 500, body: 'POST /a?b "x" 5 böse' })
})

test('no more is read than was said, whether the length is told or not', async () => {
  assert.equal((await asked((_, response) => response.end('x'.repeat(1_000))))?.body.length, 1_000)
  assert.equal(await asked((_, response) => response.end('x'.repeat(1_001))), null)
  let written = 0
  const endless = await asked((_, response) => {
    const more = () => {
      while (response.write('x'.repeat(100))) written += 100
      response.once('drain', more)
    }
    more()
  })
  assert.equal(endless, null)
  assert.ok(written > 0)
})

test('who is silent, or never comes to an end, is given up', async () => {
  assert.equal(await asked(() => {}, { time: 50 }), null)
  const drip: RequestListener = (_, response) => {
    response.write('x')
    const timer = setInterval(() => response.write('x'), 10)
    response.on('close', () => clearInterval(timer))
  }
  assert.equal(await asked(drip, { time: 50 }), null)
})

test('a redirection is an answer as any other, and not followed', async () => {
  let asks = 0
  const answer = await asked((_, response) => {
    asks++
    response.writeHead(302, { location: '/elsewhere' }).end()
  })
  assert.equal(answer?.status, 302)
  assert.equal(asks, 1)
})

test('given up before and while it is asked', async () => {
  assert.equal(await asked((_, response) => response.end(), { signal: AbortSignal.abort() }), null)
  const giveUp = new AbortController()
  assert.equal(await asked(() => giveUp.abort(), { signal: giveUp.signal }), null)
})

test('nobody there, headers without end, what is no HTTP: no answer', async () => {
  const question = { method: 'GET', path: '/' } as const
  assert.equal(await systemWeb.ask({ host: '127.0.0.1', port: 1 }, question, { time: 1_000, bytes: 10 }), null)
  assert.equal(await asked((_, response) => response.writeHead(200, { long: 'x'.repeat(20_000) }).end()), null)
  assert.equal(await asked(request => request.socket.end('SSH-2.0\r\n\r\n')), null)
})
