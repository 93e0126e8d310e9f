/**
 * Throws control packets at a port that are none, as fast as they go, and counts what comes back.
 *
 *   node flood.ts ADDRESS PORT COUNT     prints {"sent":…,"answers":…}
 */

import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const [address, port, count] = process.argv.slice(2)
const socket = createSocket({ type: 'udp4', sendBufferSize: 4 * 1024 * 1024 })
let answers = 0
socket.on('message', () => {
  answers += 1
})
socket.bind()
await once(socket, 'listening')

// random bytes are dear: packets are windows into one supply, with formats known and unknown in front
const supply = randomBytes(1 << 20)
const formats = [0x01, 0x01, 0x02, 0x02, 0x00, 0x03, 0xff]
let waiting = 0
for (let sent = 0; sent < Number(count); sent++) {
  const length = 2 + (sent % 1399)
  const packet = Buffer.from(supply.subarray((sent * 7919) % (supply.length - length)).subarray(0, length))
  packet[0] = 0xff
  packet[1] = formats[sent % formats.length]!
  waiting++
  socket.send(packet, Number(port), address, () => {
    waiting--
  })
  while (waiting > 512) await new Promise(setImmediate)
}
while (waiting > 0) await new Promise(setImmediate)
// an answer would be here long before
await sleep(1_000)
console.log(JSON.stringify({ sent: Number(count), answers }))
socket.close()
