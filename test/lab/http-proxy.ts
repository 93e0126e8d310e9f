// An HTTP proxy that knows CONNECT and nothing else, as stands at the edge of some networks: in a test's own process, or, run as a program
// with an address and a port, on a host of the lab. There it prints `ready`, and then each place that it was asked for.

import { createServer, type Server } from 'node:http'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'

export function httpProxy(asked: (place: string) => void): Server {
  const proxy = createServer()
  proxy.on('connect', (request, socket) => {
    const place = new URL(`http://${request.url}`)
    asked(request.url!)
    const there = connect(Number(place.port || 80), place.hostname, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      there.pipe(socket).pipe(there)
    })
    for (const end of [there, socket]) end.on('error', () => {})
    socket.on('close', () => there.destroy())
    there.on('close', () => socket.destroy())
  })
  return proxy
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [address, port] = process.argv.slice(2)
  httpProxy(place => console.log(place)).listen(Number(port), address, () => console.log('ready'))
}
