// One end of the tests of control ports: run on a lab host by node, with the options of openControlPort as JSON. It answers requests
// with what it saw, and takes commands from standard input, one JSON line each; every answer is one JSON line on standard output.
//
//   {"ask": {"host", "port"}, "count", "every"}   sends requests `every` ms, waits for their answers → {sent, answered, p50, p99, seen}
//   {"race": {"host", "port"}, "count", "window"}  keeps `window` requests on their way → {seconds, lost, p50, p99}
//   {"knock": {"host", "port"}}                   one request from some other port → {answered: 0 or 1}
//   {"counters": true}                            → the port's counters
//   {"branches": count}                           opens so many → {ports}
//   {"spray": {"host", "port"}}                   one request from each branch → {heard: {port, seen, byte}[]}: what came to them
//   {"bind": {"host", "port"}, "branch"}          binds the branch with this port, or none → {bound} or {problem}
//   {"closeBranches": true}                       → {files}: how many file descriptors are left
//   {"close": true}                               closes the port; the program then ends by itself

import { createSocket } from 'node:dgram'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Endpoint, familyOf, formatEndpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { openControlPort } from '../../src/drivers/control/open.ts'
import type { Branch } from '../../src/drivers/control/port.ts'
import { systemOs } from '../../src/os/index.ts'

const request = 0x51
const answer = 0x52
/** Type, sequence number, time of sending; an answer has the source that was seen behind. */
const header = 2 + 4 + 8
const size = 200
/** How long the last answers may take. */
const patience = 1_000

type Command = {
  ask?: Endpoint
  race?: Endpoint
  count?: number
  every?: number
  window?: number
  knock?: Endpoint
  counters?: true
  branches?: number
  spray?: Endpoint
  bind?: Endpoint
  branch?: number | null
  closeBranches?: true
  close?: true
}

function packet(type: number, sequence: number, text = ''): Buffer {
  const bytes = Buffer.alloc(size)
  bytes[0] = 0xff
  bytes[1] = type
  bytes.writeUInt32BE(sequence, 2)
  bytes.writeDoubleBE(performance.now(), 6)
  bytes.write(text, header)
  return bytes
}

const say = (it: unknown) => console.log(JSON.stringify(it))
const waiting = new Map<number, (bytes: Buffer) => void>()
let sequence = 0

const log = createLogger((_, line) => console.error(line))
const port = await openControlPort(systemOs, log, JSON.parse(process.argv[2]!), (bytes, from) => {
  const it = Buffer.from(bytes)
  if (it[1] === request) {
    it[1] = answer
    it.write(`${formatEndpoint(from)}\n`, header)
    port.send(it, from)
  } else if (it[1] === answer) {
    waiting.get(it.readUInt32BE(2))?.(it)
  }
})
say({ backend: port.backend })

async function ask(to: Endpoint, count: number, every: number): Promise<unknown> {
  const times: number[] = []
  const seen = new Set<string>()
  const all = Promise.withResolvers<void>()
  const sent: number[] = []
  const start = performance.now()
  await new Promise<void>(resolve => {
    const timer = setInterval(() => {
      // the clock may be coarser than what was asked for; but a machine that stood still shall not fill the other's buffer (333 of these)
      const most = sent.length + 64
      while (sent.length < Math.min(count, most) && sent.length * every <= performance.now() - start) {
        const number = sequence++
        sent.push(number)
        waiting.set(number, bytes => {
          waiting.delete(number)
          times.push(performance.now() - bytes.readDoubleBE(6))
          seen.add(bytes.toString('latin1', header).split('\n')[0]!)
          if (times.length === count) all.resolve()
        })
        port.send(packet(request, number), to)
      }
      if (sent.length < count) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
  const late = setTimeout(all.resolve, patience)
  await all.promise
  clearTimeout(late)
  for (const number of sent) waiting.delete(number)
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.floor(times.length * part)]
  return { sent: count, answered: times.length, p50: at(0.5), p99: at(0.99), seen: [...seen] }
}

/** Each answer is followed by the next request; what is lost leaves the window after a while. */
async function race(to: Endpoint, count: number, window: number): Promise<unknown> {
  const times: number[] = []
  let started = 0
  let lost = 0
  const all = Promise.withResolvers<void>()
  const next = () => {
    if (times.length + lost === count) return all.resolve()
    if (started === count) return
    started++
    const number = sequence++
    waiting.set(number, bytes => {
      waiting.delete(number)
      times.push(performance.now() - bytes.readDoubleBE(6))
      next()
    })
    port.send(packet(request, number), to)
  }
  const start = performance.now()
  for (let i = 0; i < window; i++) next()
  let before = -1
  const timer = setInterval(() => {
    if (times.length === before) {
      lost += waiting.size
      waiting.clear()
      for (let i = 0; i < window; i++) next()
    }
    before = times.length
  }, patience / 2)
  await all.promise
  clearInterval(timer)
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.floor(times.length * part)]
  return { seconds: (performance.now() - start) / 1000, lost, p50: at(0.5), p99: at(0.99) }
}

/** A stranger: a socket on any port. */
async function knock(to: Endpoint): Promise<unknown> {
  const socket = createSocket(familyOf(to.host) === 4 ? 'udp4' : 'udp6')
  const heard = Promise.withResolvers<number>()
  socket.on('message', () => heard.resolve(1))
  socket.send(packet(request, 0), to.port, to.host)
  const late = setTimeout(() => heard.resolve(0), patience / 2)
  const answered = await heard.promise
  clearTimeout(late)
  socket.close()
  return { answered }
}

let branches: Branch[] = []
let heard: { port: number; seen: string; byte: number }[] = []

async function openBranches(count: number): Promise<unknown> {
  branches = await port.branches!.open(count, (bytes, from, branch) => {
    const it = Buffer.from(bytes)
    const seen = it.toString('latin1', header).split('\n')[0]!
    heard.push({ port: branch.port, seen, byte: it[1]! })
    if (it[1] !== request) return
    it[1] = answer
    it.write(`${formatEndpoint(from)}\n`, header)
    branch.send(it, from)
  })
  return { ports: branches.map(branch => branch.port) }
}

async function spray(to: Endpoint): Promise<unknown> {
  heard = []
  for (const branch of branches) branch.send(packet(request, sequence++), to)
  for (const end = performance.now() + patience; heard.length < branches.length && performance.now() < end; )
    await sleep(10)
  return { heard }
}

async function bind(to: Endpoint, at: number | null): Promise<unknown> {
  const branch = at === null ? null : branches.find(it => it.port === at)!
  return await port.branches!.bind(to, branch).then(
    () => ({ bound: true }),
    error => ({ problem: (error as Error).message }),
  )
}

async function closeBranches(): Promise<unknown> {
  for (const branch of branches.splice(0)) branch.close()
  // a bound one is unbound first
  await sleep(100)
  return { files: readdirSync('/proc/self/fd').length }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command: Command = JSON.parse(line)
  if (command.ask) say(await ask(command.ask, command.count ?? 20, command.every ?? 1))
  if (command.race) say(await race(command.race, command.count ?? 1000, command.window ?? 1))
  if (command.knock) say(await knock(command.knock))
  if (command.counters) say(port.counters)
  if (command.branches) say(await openBranches(command.branches))
  if (command.spray) say(await spray(command.spray))
  if (command.bind) say(await bind(command.bind, command.branch ?? null))
  if (command.closeBranches) say(await closeBranches())
  if (command.close) break
}
await port.close()
process.stdin.destroy()
say({ closed: true })
