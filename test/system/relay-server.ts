// The relay of the tests: run on a lab host by node, with RelayOptions as JSON. It takes commands from standard input, one JSON line each;
// every answer is one JSON line on standard output.
//
//   {"open": port}             → {port}
//   {"connect": Leg[]}         → {ms}
//   {"disconnect": LegKey[]}   → {ms}
//   {"pairs": n, "to": hosts}  connects so many pairs between ports of these two hosts → {ms}
//   {"counters": true}         → the relay's, of legs that carried something
//   {"leftover": true}         → {legs}
//   {"refresh": true}          → {ms}
//   {"heard": true}            → {heard}: what came for the relay itself, to its ports and to W
//   {"unpairs": n, "to": hosts}  and takes them away again → {ms}
//   {"close": true, "leave"}   closes the relay; the program then ends by itself

import { createInterface } from 'node:readline'
import { type Endpoint, formatEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { openRelay } from '../../src/drivers/relay/open.ts'
import type { Leg, RelayPort } from '../../src/drivers/relay/relay.ts'
import { systemOs } from '../../src/os/index.ts'

const options = JSON.parse(process.argv[2]!)
const heard: string[] = []
const log = createLogger((_, line) => console.error(line))
const say = (it: unknown) => console.log(JSON.stringify(it))
const ports = new Map<number, RelayPort>()
/** The stand-in for a BIND names the port that it is about, and is answered from there. */
const receive = (bytes: Uint8Array, from: Endpoint, at: number) => {
  heard.push(`${formatEndpoint(from)} ${at}`)
  ports.get(bytes[2]! * 256 + bytes[3]!)?.send(Uint8Array.of(0xff, 1, 9), from)
}
const relay = await openRelay(systemOs, log, { ...options, receive })
const w = await Promise.all(
  ['0.0.0.0', '::'].map(host =>
    systemOs.udp.bind(host, options.listenPort, (bytes, from) => receive(bytes, from, options.listenPort)),
  ),
)
say({ backend: relay.backend })

function pairs(count: number, [a, b]: [string, string]): Leg[] {
  return Array.from({ length: count }, (_, i) => {
    const from = { host: a, port: 1 + (i % 50_000) }
    const to = { host: b, port: 1 + (i % 50_000) }
    const [pa, pb] = [62_000 + Math.floor(i / 50_000), 63_000]
    return [
      { from, at: pb, to, via: pa },
      { from: to, at: pa, to: from, via: pb },
    ]
  }).flat()
}

async function timed(work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  try {
    await work()
    say({ ms: performance.now() - start })
  } catch (error) {
    say({ problem: (error as Error).message })
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  if (command.open !== undefined) {
    const port = await relay.open(command.open)
    ports.set(port.port, port)
    say({ port: port.port })
  }
  if (command.connect) await timed(() => relay.connect(command.connect))
  if (command.disconnect) await timed(() => relay.disconnect(command.disconnect))
  if (command.pairs) await timed(() => relay.connect(pairs(command.pairs, command.to)))
  if (command.unpairs) await timed(() => relay.disconnect(pairs(command.unpairs, command.to)))
  if (command.refresh) await timed(() => relay.refresh())
  if (command.leftover) say({ legs: relay.leftover() })
  if (command.heard) say({ heard: heard.splice(0) })
  if (command.counters) {
    const { legs, dropped } = await relay.counters()
    say({ legs: legs.filter(({ packets }) => packets > 0), all: legs.length, dropped })
  }
  if (command.close) {
    await relay.close({ leave: command.leave })
    break
  }
}
for (const socket of w) socket.close()
process.stdin.destroy()
say({ closed: true })
