/**
 * Single questions to reflectors, of which `netcheck.ts` makes a report: where do you see me, can you answer from elsewhere, does a long
 * datagram arrive; and one to ourselves, around the NAT.
 */

import type { Address, Endpoint } from '../base/ip.ts'
import type { Time } from '../base/time.ts'
import type { Channel, Lease, Pong } from '../drivers/control/channel.ts'
import type { ControlPort } from '../drivers/control/port.ts'
import type { Clock } from '../os/clock.ts'
import type { Random } from '../os/random.ts'
import { controlByte, maxDatagram, overhead, pingHead } from '../protocol/control/constants.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import type { Elsewhere, FilterTest, Reflection } from '../protocol/nat/classify.ts'
import type { Place } from './offers.ts'

export type TestParts = {
  readonly clock: Clock
  readonly random: Random
  readonly channel: Pick<Channel, 'ping' | 'home' | 'receive'>
}

/** What a reflector said: where it sees us, from where else it can answer, and its clock less ours, ms. */
export type Answer = Reflection & { readonly other: Lease['other']; readonly ahead: number }

/** A lost packet is not a silent node. */
const asking = { sendTimes: [0, 150, 400, 900], timeout: 1_900 }
/** Silence is the result: with 30 % lost each way, five tries are all lost once in 30 times. */
const askingElsewhere = { sendTimes: [0, 120, 300, 550, 850], timeout: 1_700 }
/** Longer than a round trip; each length that does not pass costs as much. */
const askingLong = { sendTimes: [0, 200, 500], timeout: 1_000 }
/** More would say the same. */
const filterReflectors = 3

/** A node that is a home says more than others; one that is none has no LEASE. */
export async function reflect(parts: TestParts, { key, endpoint }: Place): Promise<Answer | null> {
  const { channel, clock } = parts
  const heard = <T extends Lease | Pong>(said: T | null) => said && { ...said, ahead: said.clock - clock.wall() }
  const pong = channel.ping(key, endpoint, asking).then(heard)
  const lease = await channel.home(key, endpoint, null, asking).then(heard)
  const said = lease ?? (await pong)
  if (!said) return null
  const { observed, rtt, ahead } = said
  return { key, to: endpoint, observed, rtt, ahead, other: lease?.other ?? {} }
}

/**
 * Answers from where we never sent anything: does the NAT, or a firewall, let them in?
 * @param spoken have we sent something to this address, or to this port of it? Then its answer proves nothing
 */
export async function testFilter(
  { channel }: TestParts,
  answers: readonly Answer[],
  spoken: (host: Address, port?: number) => boolean,
): Promise<FilterTest> {
  const able = answers.filter(({ other }) => other.port !== undefined || other.address !== undefined)
  const tests = able.slice(0, filterReflectors).map(async ({ key, to, other: { port, address } }) => {
    const reflector = key as PublicKey
    const ask = async (can: boolean, how: { changePort: true } | { changeAddress: true }): Promise<Elsewhere> => {
      if (!can) return 'not asked'
      return (await channel.ping(reflector, to, { ...askingElsewhere, ...how })) ? 'answered' : 'silent'
    }
    const [otherPort, otherAddress] = await Promise.all([
      ask(port !== undefined && !spoken(to.host, port), { changePort: true }),
      ask(address !== undefined && !spoken(address), { changeAddress: true }),
    ])
    return { otherPort, otherAddress }
  })
  const results = await Promise.all(tests)
  return {
    otherPort: best(results.map(({ otherPort }) => otherPort)),
    otherAddress: best(results.map(({ otherAddress }) => otherAddress)),
  }
}

/** One answer that came through proves more than another's silence. */
function best(results: readonly Elsewhere[]): Elsewhere {
  return (['answered', 'silent'] as const).find(result => results.includes(result)) ?? 'not asked'
}

/** Where the other port of a reflector sees us. After that, it can test no filter. */
export async function reflectFromOtherPort({ channel }: TestParts, answer: Answer): Promise<Answer | null> {
  const { key, to, other } = answer
  if (other.port === undefined) return null
  const endpoint = { host: to.host, port: other.port }
  const pong = await channel.ping(key as PublicKey, endpoint, asking)
  return pong && { ...answer, to: endpoint, observed: pong.observed, rtt: pong.rtt }
}

/** First byte of what is no message: other nodes drop it. */
const testFormat = 0x7f
const wordLength = 16
const sayTimes: readonly Time[] = [0, 150, 400]
const hairpinWait: Time = 1_000

/**
 * Does the NAT take what we send to one of our outside endpoints back to us? As two hosts behind it would, two sockets send to each
 * other's outside endpoint: a branch first, which opens its filter, then W.
 *
 * @param outside where W is seen
 * @returns `null` where it cannot be told: no branches, or the NAT gives us another address
 */
export async function testHairpin(
  { channel, clock, random }: TestParts,
  port: ControlPort,
  reflector: Place,
  outside: Endpoint,
): Promise<boolean | null> {
  if (!port.branches) return null
  const word = Uint8Array.of(controlByte, testFormat, ...random.bytes(wordLength))
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const [branch] = await port.branches.open(1, (bytes, from, via) => {
    if (bytes.length === word.length && bytes.every((byte, i) => byte === word[i])) resolve(true)
    else channel.receive(bytes, from, via)
  })
  if (!branch) return null
  const timers: { cancel(): void }[] = []
  try {
    const pong = await channel.ping(reflector.key, reflector.endpoint, { ...asking, via: branch })
    if (pong?.observed.host !== outside.host) return null
    for (const time of sayTimes) {
      const say = () => {
        branch.send(Uint8Array.of(controlByte, testFormat), outside)
        port.send(word, pong.observed)
      }
      timers.push(clock.at(clock.now() + time, say))
    }
    timers.push(clock.at(clock.now() + hairpinWait, () => resolve(false)))
    return await promise
  } finally {
    for (const timer of timers) timer.cancel()
    branch.close()
  }
}

/** Bytes of UDP payload, between which it does not matter. */
const mtuStep = 8
/** Every host must take this much (RFC 791: 576 with headers). */
const leastMtu = 508

/** The longest datagram that arrives, up to what we ever send; fragments count. `null`: not even short ones do now. */
export async function testMtu({ channel }: TestParts, { key, endpoint }: Place): Promise<number | null> {
  const passes = async (length: number) =>
    (await channel.ping(key, endpoint, { ...askingLong, padding: length - overhead - pingHead })) !== null
  if (await passes(maxDatagram)) return maxDatagram
  if (!(await passes(leastMtu))) return null
  let [low, high] = [leastMtu, maxDatagram]
  while (high - low > mtuStep) {
    const middle = Math.floor((low + high) / 2)
    if (await passes(middle)) low = middle
    else high = middle
  }
  return low
}
