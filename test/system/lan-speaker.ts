// A program for the lab: says and hears LAN announcements as a node does, and prints whom it hears and when its addresses change.
//
//     node lan-speaker.ts OWN_KEY PORT MEMBER_KEY...

import { Lan } from '../../src/drivers/control/lan.ts'
import { systemOs as os } from '../../src/os/index.ts'
import type { PublicKey } from '../../src/protocol/identity/key.ts'

const [own, port, ...members] = process.argv.slice(2) as [PublicKey, string, ...PublicKey[]]
const lan = new Lan({
  clock: os.clock,
  random: os.random,
  crypto: os.crypto,
  multicast: os.multicast,
  publicKey: own,
  namespace: 'public',
  heard: ({ key, endpoint }) => console.log(`heard ${key} ${endpoint.host} ${endpoint.port}`),
})
lan.know(members)
lan.be(os.links.addresses(), Number(port))
await lan.open()
os.links.watch(() => {
  console.log('changed')
  lan.be(os.links.addresses(), Number(port))
})
console.log('ready')
process.stdin.resume().on('end', () => process.exit())
