import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemRaw, udpChecksum } from '../../src/os/raw.ts'

const skip = process.geteuid?.() === 0 ? false : 'RAW SOCKETS NEED ROOT: NOT TESTED'

test('the checksum of a datagram that was computed elsewhere', () => {
  // 10.0.0.1:1024 → 10.0.0.2:53, "ab"; by hand: 0a00+0001+0a00+0002+0011+000a + 0400+0035+000a+6162 = 79bf
  const packet = Uint8Array.of(4, 0, 0, 53, 0, 10, 0, 0, 0x61, 0x62)
  assert.equal(udpChecksum(Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2), packet), 0xffff - 0x79bf)
})

test('law: with its checksum in place the whole adds up to all ones, and it is never 0', () => {
  const address = fc.uint8Array({ minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(address, address, fc.uint8Array({ minLength: 8, maxLength: 1500 }), (source, destination, packet) => {
      packet[6] = packet[7] = 0
      const sum = udpChecksum(source, destination, packet)
      assert.ok(sum > 0 && sum <= 0xffff)
      packet[6] = sum >> 8
      packet[7] = sum & 255
      // what is left of a right one is 0, which is written as all ones
      assert.equal(udpChecksum(source, destination, packet), 0xffff)
    }),
  )
})

for (const [host, type] of [
  ['127.0.0.1', 'udp4'],
  ['::1', 'udp6'],
] as const) {
  test(`a datagram leaves from a port that is somebody else's (${type})`, { skip }, async () => {
    const owner = createSocket(type)
    const receiver = createSocket(type)
    for (const socket of [owner, receiver]) {
      socket.bind(0, host)
      await new Promise(resolve => socket.once('listening', resolve))
    }
    const raw = await systemRaw.open(owner.address().port, 65)
    try {
      // odd, even, and one with a checksum that would be 0
      for (const payload of [Buffer.from([0xff]), Buffer.from([0xff, 1]), Buffer.alloc(1400, 0xff)]) {
        const came = new Promise<[Buffer, { address: string; port: number }]>(resolve =>
          receiver.once('message', (bytes, from) => resolve([bytes, from])),
        )
        assert.ok(raw.send(payload, { host, port: receiver.address().port }))
        const [bytes, from] = await came
        assert.deepEqual(bytes, payload)
        assert.deepEqual([from.address, from.port], [host, owner.address().port])
      }
    } finally {
      raw.close()
      owner.close()
      receiver.close()
    }
  })
}

test('what cannot be sent is told, not thrown', { skip }, async () => {
  const raw = await systemRaw.open(50_000, 65)
  const bytes = Uint8Array.of(0xff)
  assert.equal(raw.send(bytes, { host: 'example.org', port: 1 }), false, 'a name')
  assert.equal(raw.send(bytes, { host: '127.0.0.1', port: 0 }), false, 'no port')
  assert.equal(raw.send(new Uint8Array(70_000), { host: '127.0.0.1', port: 1 }), false, 'too long')
  raw.close()
  assert.equal(raw.send(bytes, { host: '127.0.0.1', port: 1 }), false, 'closed')
  raw.close()
})
