/**
 * A DNS server to run in a lab host: `node nameserver.ts ADDRESS NAME=IPV4…` answers for these names, says NXDOMAIN to all
 * else, and prints each question.
 */

import { createSocket } from 'node:dgram'
import { decode, encode } from 'dns-packet'

const [address, ...pairs] = process.argv.slice(2)
const names = new Map(pairs.map(it => it.split('=') as [string, string]))
const authoritative = 1 << 10
const noSuchName = 3

const socket = createSocket(address!.includes(':') ? 'udp6' : 'udp4')
socket.on('message', (bytes, from) => {
  const { id, questions = [] } = decode(bytes)
  const question = questions[0]!
  const data = names.get(question.name.toLowerCase())
  console.log(`${question.type} ${question.name}`)
  const answer = encode({
    type: 'response',
    id: id!,
    flags: authoritative | (data ? 0 : noSuchName),
    questions,
    answers: data && question.type === 'A' ? [{ type: 'A', name: question.name, ttl: 1, data }] : [],
  })
  socket.send(answer, from.port, from.address)
})
socket.bind(53, address, () => console.log('ready'))
