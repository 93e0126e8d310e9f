/** Datagrams as fast as one host can send them, and how many of them come to another: by the kernel's counter, so that nobody has to keep pace. */

import type { Host } from '../lab/lab.ts'
import { w } from '../system/relay-lab.ts'

const size = 1_400
const seconds = 2
/** Part of what is sent. */
const tolerable = 0.001
/** The first byte of what is counted. */
const mark = 7

export const blastSettings = { size, seconds, tolerable } as const

export type Blast = { readonly sent: number; readonly received: number; readonly seconds: number }
export type Target = {
  readonly host: string
  readonly port: number
  /** In front of the data, and gone when it comes. */
  readonly header?: readonly number[]
}

/** Counts what comes to W of `host`, and gives it to nobody. */
export async function count(host: Host): Promise<void> {
  const chain = `chain in { type filter hook prerouting priority -400; udp dport ${w} @th,64,8 ${mark} counter drop; }`
  await host.ok(['nft', '-f', '-'], { input: `table inet count { ${chain}\n }\n` })
}

/** The fastest that loses next to nothing, looked for downwards. @param to what leads to `counting`, see `count` */
export async function lossless(from: Host, to: Target, counting: Host): Promise<Blast> {
  let found = await blast(from, to, counting)
  while (found.received < (1 - tolerable) * found.sent) {
    // what came is about what it can; what was sent a bound
    const next = Math.min(0.9 * (found.sent / found.seconds), 1.2 * (found.received / found.seconds))
    found = await blast(from, to, counting, next)
  }
  return found
}

/** From W, like WireGuard; there is none. @param rate packets/s, or as fast as it goes */
async function blast(host: Host, to: Target, counting: Host, rate = 1e9): Promise<Blast> {
  const before = await counted(counting)
  const script = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', ${w})); s.connect(('${to.host}', ${to.port}))
data = bytes([${(to.header ?? []).join(', ')}]) + bytes([${mark}]) * ${size}; sent = 0; start = now = time.monotonic(); end = start + ${seconds}
while now < end:
    if sent <= (now - start) * ${rate}:
        for _ in range(16):
            try: s.send(data); sent += 1
            except OSError: pass
    now = time.monotonic()
print(sent, now - start)`
  const [sent, took] = (await host.ok(['python3', '-c', script])).trim().split(' ').map(Number)
  // what waits in a process's sockets
  await new Promise(resolve => setTimeout(resolve, 200))
  return { sent: sent!, seconds: took!, received: (await counted(counting)) - before }
}

async function counted(host: Host): Promise<number> {
  return Number(/counter packets (\d+)/.exec(await host.ok(['nft', 'list', 'table', 'inet', 'count']))![1])
}
