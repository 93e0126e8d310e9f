/**
 * The byte stream of `protocol/stream`: what a request waits for and what a transfer gets on an invented path, in simulated time,
 * and how much of this machine it costs, in real time with both ends in this process.
 */

import type { Crypto } from '../../src/base/crypto.ts'
import { systemCrypto } from '../../src/os/crypto.ts'
import type { LinkOptions } from '../sim/link.ts'
import { plainCrypto } from '../sim/plain-crypto.ts'
import { StreamPair } from '../sim/stream-pair.ts'

const request = 300
const response = 1000
const rpcs = 300
const seeds = 10
const bulk = 8 * 1024 * 1024

const paths: [string, LinkOptions][] = [
  ['20 ms', { delay: 10 }],
  ['20 ms, 5 % lost', { delay: 10, loss: 0.05 }],
  ['50 ms, 20 % lost', { delay: 25, loss: 0.2 }],
  ['100 ms, 5 % lost', { delay: 50, loss: 0.05 }],
  ['40 ms, 1 % lost, 10 Mbit/s', { delay: 20, loss: 0.01, bandwidth: 1250 }],
]

export async function run(): Promise<void> {
  console.log(`simulated time, ${seeds} seeds: ${request} B for ${response} B one after the other; one stream of 8 MiB`)
  const heads = ['first p50', 'p95', 'rpc p50', 'p95', 'p99', 'max', 'Mbit/s']
  console.log(`  ${'path (RTT)'.padEnd(28)}${heads.map(head => head.padStart(10)).join('')}`)
  for (const [name, path] of paths) {
    const runs = Array.from({ length: seeds }, (_, seed) => exchange(seed, path))
    const firsts = Array.from({ length: 20 * seeds }, (_, seed) => exchange(1000 + seed, path, 1)[0]!)
    const rates = Array.from({ length: seeds }, (_, seed) => transfer(seed, path).rate)
    const times = runs.flatMap(run => run.slice(1))
    const figures = [at(firsts, 0.5), at(firsts, 0.95), at(times, 0.5), at(times, 0.95), at(times, 0.99), at(times, 1)]
    console.log(`  ${name.padEnd(28)}${[...figures, at(rates, 0.5)].map(n => n.toFixed(1).padStart(10)).join('')}`)
  }

  console.log('real time, both ends in this process, no delay (best of 5)')
  loopback('protocol alone', plainCrypto)
  loopback('with ChaCha20-Poly1305', systemCrypto)
}

/** Milliseconds of each request until its whole response is there. */
function exchange(seed: number, path: LinkOptions, count = rpcs): number[] {
  const pair = new StreamPair(seed, path)
  const answer = new Uint8Array(response)
  pair.onServer = server => {
    let asked = 0
    server.onData = bytes => {
      for (asked += bytes.length; asked >= request; asked -= request) server.connection.write(answer)
    }
  }
  const times: number[] = []
  for (let i = 1; i <= count; i++) {
    const start = pair.simulation.now()
    pair.client.write(new Uint8Array(request))
    pair.run(start + 60_000, () => pair.client.length === i * response)
    times.push(pair.simulation.now() - start)
  }
  return times
}

function transfer(seed: number, path: LinkOptions, crypto: Crypto = plainCrypto): { rate: number; pair: StreamPair } {
  const pair = new StreamPair(seed, path, crypto)
  pair.onServer = server => {
    // counted, not kept
    server.onData = () => void server.chunks.pop()
  }
  pair.client.writeAll(new Uint8Array(bulk))
  pair.run(600_000, () => pair.server?.ended === true)
  if (!pair.server?.ended) throw new TypeError('the transfer did not end')
  return { rate: (8 * bulk) / 1000 / pair.simulation.now(), pair }
}

function loopback(name: string, crypto: Crypto): void {
  const rates: number[] = []
  let packets = 0
  for (let i = 0; i < 5; i++) {
    const start = performance.now()
    packets = transfer(i, { delay: 0.01 }, crypto).pair.link.flow.length
    rates.push((8 * bulk) / 1000 / (performance.now() - start))
  }
  console.log(`  ${name.padEnd(28)}${at(rates, 1).toFixed(0).padStart(10)} Mbit/s  ${packets} packets`)
}

function at(values: readonly number[], quantile: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))]!
}
