/** `npm run bench NAME`: measures one thing on this machine. A figure without its machine, and what else that does, is worth nothing: shown too. */

import { availableParallelism, cpus, loadavg } from 'node:os'

const benches: Record<string, () => Promise<{ run(): Promise<void> }>> = {
  carrier: () => import('./carrier.ts'),
  contact: () => import('./contact.ts'),
  control: () => import('./control.ts'),
  dht: () => import('./dht.ts'),
  idle: () => import('./idle.ts'),
  keys: () => import('./keys.ts'),
  membership: () => import('./membership.ts'),
  'membership-lab': () => import('./membership-lab.ts'),
  nat: () => import('./nat.ts'),
  'network-file': () => import('./network-file.ts'),
  relay: () => import('./relay.ts'),
  roam: () => import('./roam.ts'),
  start: () => import('./start.ts'),
  stream: () => import('./stream.ts'),
}

const name = process.argv[2] ?? ''
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
if (!bench) {
  console.error(`npm run bench NAME, where NAME is one of: ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${process.arch}, Node ${process.version}`)
const load = () => loadavg()[0]!.toFixed(1)
const before = load()
await (await bench()).run()
console.log(`\nload of the machine: ${before} before, ${load()} at the end, which counts the bench too`)
