// The doorbell of a lab host: run there by node, with {listenPort, capture, keys} as JSON. It says once where it is and whether it works,
// and then each ring, one JSON line each. Standard input tells what to do with the next ones, one JSON line each:
//
//   {"to": {"host", "port"}, "after"}   after `after` ms the initiation is sent there from W
//   {"set": "before" | "after"}         …and WireGuard's endpoint is set to the same place, before or after that
//
// It ends with its input.

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { type Capture, openControlPort } from '../../src/drivers/control/open.ts'
import { Doorbell } from '../../src/drivers/doorbell/doorbell.ts'
import { createWireguardDriver } from '../../src/drivers/wireguard/driver.ts'
import { systemOs } from '../../src/os/index.ts'
import type { PublicKey } from '../../src/protocol/identity/key.ts'

type Options = { listenPort: number; capture: Capture; keys: PublicKey[] }
type Plan = { to: Endpoint; after: number; set?: 'before' | 'after' }

const { listenPort, capture, keys }: Options = JSON.parse(process.argv[2]!)
const log = createLogger((_, line) => console.error(line))
const port = await openControlPort(systemOs, log, { listenPort, capture, owner: 'wireguard' }, () => {})
const wireguard = createWireguardDriver(systemOs, log)
const say = (it: unknown) => console.log(JSON.stringify(it))
let plan: Plan | null = null

async function ring(key: PublicKey, initiation: Uint8Array): Promise<void> {
  say({ ring: key })
  if (!plan) return
  const { to, after, set } = plan
  const point = () =>
    wireguard.setEndpoint('wg0', { key, allowedIps: [], endpoint: to, keepalive: 0 }, true, 0, { keepQueue: true })
  await sleep(after)
  if (set === 'before') await point()
  port.send(initiation, to)
  if (set === 'after') await point()
}

const doorbell = await Doorbell.open(systemOs.udp, listenPort, {
  clock: systemOs.clock,
  ring: (key, initiation) => void ring(key, initiation),
})
doorbell.know(keys)
say({ endpoint: doorbell.endpoint, works: await doorbell.check((bytes, to) => port.send(bytes, to)) })

for await (const line of createInterface({ input: process.stdin })) {
  plan = JSON.parse(line)
  say({ planned: true })
}
doorbell.close()
await port.close()
say(doorbell.counters)
