/**
 * A program for hyperdht.ts: `node hyperdht-node.ts FOLDER ROLE …`, where FOLDER has hyperdht in its node_modules.
 *
 *   serve ADDRESS BOOTSTRAP    three nodes on that public address, behind a bootstrap node if it is the bootstrap's own
 *   listen BOOTSTRAP           a server that echoes; prints its key
 *   connect BOOTSTRAP KEY      asks it until it answers; prints the milliseconds since 1970 of the reply
 */

import { createRequire } from 'node:module'

const [folder, role, ...args] = process.argv.slice(2) as [string, string, ...string[]]
const DHT = createRequire(`${folder}/package.json`)('hyperdht')
const port = 49737

if (role === 'serve') {
  const [address, bootstrap] = args
  if (address === bootstrap) await DHT.bootstrapper(port, address).ready()
  for (let i = 1; i <= 3; i++) {
    const options = { bootstrap: [{ host: bootstrap, port }], port: port + i, host: address }
    await new DHT({ ...options, ephemeral: false, firewalled: false }).fullyBootstrapped()
  }
  console.log('ready')
} else if (role === 'listen') {
  const server = new DHT({ bootstrap: [{ host: args[0], port }] }).createServer()
  // biome-ignore lint/suspicious/noExplicitAny: a package without types, which is not ours
  server.on('connection', (stream: any) => stream.on('error', () => {}).pipe(stream))
  const pair = DHT.keyPair()
  await server.listen(pair)
  console.log(pair.publicKey.toString('hex'))
} else {
  const dht = new DHT({ bootstrap: [{ host: args[0], port }] })
  const attempt = () => {
    const stream = dht.connect(Buffer.from(args[1]!, 'hex'))
    stream.on('open', () => stream.write('hello'))
    stream.on('data', () => {
      console.log(Date.now())
      process.exit(0)
    })
    stream.on('error', () => setTimeout(attempt, 50))
  }
  attempt()
}
