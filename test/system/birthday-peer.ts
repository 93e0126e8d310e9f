// One end of the tests of birthday probing: run on a lab host by node. The first line of standard input says who it is; then come
// OFFERs of the other end, which the test carries, one JSON line each. What happens is told in JSON lines on standard output.
//
//   {"privateKey", "peer", "own", "body", "reflector"?, "owner"?}   the first line; no peer: it only answers
//   {"offered": body, "spray"?}                             → {"spray"} …, {"hit": endpoint, "ms": since the OFFER} or {"over": why}
//   {"released": true}                                      → {"released": true}
//   {"close": true}                                         closes all; the program then ends by itself

import { createInterface } from 'node:readline'
import type { Endpoint } from '../../src/base/ip.ts'
import { createLogger } from '../../src/base/log.ts'
import { Channel } from '../../src/drivers/control/channel.ts'
import { openControlPort } from '../../src/drivers/control/open.ts'
import { Birthdays } from '../../src/node/birthday.ts'
import { systemOs } from '../../src/os/index.ts'
import type { Spray } from '../../src/protocol/control/message.ts'
import type { RecordBody } from '../../src/protocol/directory/record-body.ts'
import { type PublicKey, readPrivateKey, readPublicKey } from '../../src/protocol/identity/key.ts'
import type { Side } from '../../src/protocol/nat/roles.ts'
import type { Step } from '../../src/protocol/nat/step.ts'

export type Start = {
  readonly privateKey: string
  readonly peer?: string
  readonly own?: Side & { readonly step: Step }
  readonly reflector?: { readonly key: PublicKey; readonly endpoint: Endpoint }
  readonly owner?: 'wireguard' | 'nobody'
}
export type Told = {
  readonly ready?: PublicKey
  readonly spray?: Spray
  readonly hit?: Endpoint
  readonly ms?: number
  readonly over?: string
}
type Command = {
  readonly offered?: RecordBody
  readonly spray?: Spray
  readonly released?: true
  readonly close?: true
}

const listenPort = 51_820
const say = (it: unknown) => console.log(JSON.stringify(it))
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { privateKey, peer, own, reflector, owner = 'wireguard' }: Start = JSON.parse((await lines.next()).value ?? '')

const log = createLogger((_, line) => {
  console.error(line)
  if (/no answer|not proved/.test(line)) say({ over: line })
})
let offeredAt = 0
let direct = false
const port = await openControlPort(systemOs, log, { listenPort, capture: 'auto', owner }, (bytes, from) =>
  channel.receive(bytes, from),
)
const channel = new Channel({
  ...{ os: systemOs, port, privateKey: readPrivateKey(privateKey).ok!, network: 'test' },
  ...{ namespace: 'public', workbit: 0 },
  onPing: (key, from, via) => birthdays.heard(key, from, via),
})
const birthdays = new Birthdays({
  ...{ clock: systemOs.clock, random: systemOs.random, log, channel },
  enabled: () => true,
  branches: () => port.branches ?? null,
  own: () => own!,
  surroundings: () => ({ overlays: [], own: [], port: listenPort }),
  reflector: () => reflector ?? null,
  direct: () => direct,
  tellSpray: (_, spray) => say({ spray }),
  hit: (key, endpoint) => {
    direct = true
    birthdays.path(key, true)
    say({ hit: endpoint, ms: Math.round(performance.now() - offeredAt) })
  },
  called: key => key.slice(0, 8),
})
const member = peer === undefined ? undefined : readPublicKey(peer).ok!
say({ ready: channel.publicKey })

for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const { offered, spray, released, close }: Command = JSON.parse(line)
  if (close) break
  if (offered) {
    offeredAt ||= performance.now()
    birthdays.offered(member!, offered, spray)
  }
  if (released) {
    birthdays.released(member!)
    say({ released: true })
  }
}
await birthdays.stop()
channel.close()
await port.close()
process.stdin.destroy()
