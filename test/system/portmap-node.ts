// What a node does about its router, alone: a mapping for a port on which it echoes. Says what it has; `moved` and `stop` are read.
// portmap-node.ts PORT [SPEED]: with a speed, what takes 20 minutes takes a fraction of it, for the router too.

import { createInterface } from 'node:readline'
import { formatEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { PortMapper } from '../../src/drivers/portmap/mapper.ts'
import { Mapping } from '../../src/node/mapping.ts'
import type { Clock } from '../../src/os/clock.ts'
import { systemOs } from '../../src/os/index.ts'

const port = Number(process.argv[2])
const speed = Number(process.argv[3] ?? 1)
const began = performance.now()
const say = (what: string) => console.log(`${what} after=${Math.round(performance.now() - began)}`)

const socket = await systemOs.udp.bind('0.0.0.0', port, (bytes, from) => socket.send(bytes, from))
const real = new PortMapper({ os: systemOs, secret: new Uint8Array(32).fill(7) })
const mapper: ConstructorParameters<typeof Mapping>[0]['mapper'] = {
  async map(wanted, lifetime, before, signal) {
    const { ok, problem } = await real.map(wanted, lifetime / speed, before, signal)
    say(`asked ${problem ?? 'granted'}`)
    return ok ? { ok: { ...ok, lifetime: ok.lifetime * speed } } : { problem }
  },
  unmap: real.unmap.bind(real),
  forget: real.forget.bind(real),
  isHere: real.isHere.bind(real),
  findings: real.findings.bind(real),
  listen: real.listen.bind(real),
}
const { clock } = systemOs
const fast: Clock = {
  now: () => clock.now() * speed,
  wall: () => clock.wall(),
  at: (time, call) => clock.at(time / speed, call),
}
const mapping = new Mapping({
  clock: fast,
  log: createLogger((_level, line) => console.log(line)),
  mapper,
  changed: () => say(`now ${mapping.endpoints().map(formatEndpoint).join(' ') || 'none'}`),
})
mapping.set({ port, needed: true })

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'moved') mapping.moved()
  if (line === 'report') console.log(`report ${JSON.stringify(mapping.report())}`)
  if (line === 'stop') {
    await mapping.stop()
    say('stopped')
    process.exit(0)
  }
}
