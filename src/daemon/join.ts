/**
 * Joining from a machine that is in no network yet: a port for control packets, libp2p on it, and a talk with the first member that answers. Nothing
 * of it is left when it ends.
 */

import { Failure } from '../base/failure.ts'
import { type Endpoint, formatEndpoint, parseAddress } from '../base/ip.ts'
import { createLogger } from '../base/log.ts'
import { second, type Time } from '../base/time.ts'
import type { ByteStream } from '../drivers/carrier/carrier.ts'
import { Channel } from '../drivers/control/channel.ts'
import { openControlPort } from '../drivers/control/open.ts'
import { Streams } from '../drivers/control/streams.ts'
import { joinProtocol } from '../node/membership/admission.ts'
import { Conversation } from '../node/membership/conversation.ts'
import { type Guest, type Joined, join, Refused } from '../node/membership/join.ts'
import type { Os } from '../os/index.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { webPort } from './prepare.ts'

type Place = { readonly key: PublicKey; readonly endpoint: Endpoint }

/** Where the member was that let us in. */
export type Admittance = Joined & { readonly through: Place }

/** To reach any of the places of a token. */
const reachTime: Time = 45 * second
/** A place that cannot be reached is tried again after so long. */
const again: Time = 0.5 * second
/** What a whole talk may take, with 10 000 members to be told of. */
const talkTime: Time = 60 * second

/** @throws Refused where a member says no; a Failure where none is reached */
export async function joinNetwork(os: Os, guest: Omit<Guest, 'crypto' | 'now'>): Promise<Admittance> {
  const { token, key: privateKey } = guest
  if (token.places.length === 0) {
    throw new Failure('the token names no place to begin: the member that made it had no address that others reach', {
      remedy: 'let a member that can be reached make the token, or give one an endpoint: wh init NAME endpoint HOST',
    })
  }
  const log = createLogger(() => {})
  const { namespace, workbit } = token
  const known = new Set(token.places.map(({ key }) => key))
  const exempt = (key: PublicKey) => known.has(key)
  const port = await openControlPort(os, log, { listenPort: 0, capture: 'auto', owner: 'nobody' }, (...it) =>
    channel.receive(...it),
  )
  const channel = new Channel({
    ...{ os, port, privateKey, namespace, workbit, exempt },
    onOpen: (from, to, open) => streams.handleOpen(from, to, open),
    onStreamPacket: (bytes, from) => streams.handleStream(bytes, from),
  })
  const streams: Streams = new Streams(os, {
    sendOpen: (to, at, open) => channel.send({ type: 'open', ...open }, to, at),
    sendStream: (bytes, to) => channel.sendStreamPacket(bytes, to),
    proved: endpoint => channel.prove(endpoint),
  })
  const [{ createDirectory }, { connectWebSocket: connect, proxyFor }] = await Promise.all([
    import('../drivers/dht/libp2p.ts'),
    import('../os/websocket.ts'),
  ])
  const directory = await createDirectory({
    ...{ os, log, privateKey, namespace, workbit, exempt, streams },
    ...{ tcpPort: 0, dataFolder: null, server: false, warn: () => {} },
    web: { port: webPort, connect, proxyFor },
  })
  try {
    const places = await resolved(os, token.places)
    const call = (place: Place, signal: AbortSignal) => directory.talk(place.key, place.endpoint, joinProtocol, signal)
    return await firstOf(os, places, guest, (place, signal) => patiently(os, signal, () => call(place, signal)))
  } finally {
    await directory.stop()
    streams.close()
    channel.close()
    await port.close()
  }
}

/** All are called at once, and asked one after the other: two that let us in at the same time would each give us an address. */
async function firstOf(
  os: Os,
  places: readonly Place[],
  guest: Omit<Guest, 'crypto' | 'now'>,
  call: (place: Place, signal: AbortSignal) => Promise<ByteStream>,
): Promise<Admittance> {
  const { clock, crypto } = os
  const limit = new AbortController()
  const timer = clock.at(clock.now() + reachTime, () => limit.abort(new Error('no answer')))
  const problems: string[] = []
  const note = ({ endpoint }: Place, error: unknown) => {
    problems.push(`${formatEndpoint(endpoint)}: ${(error as Error).message}`)
  }
  const calls = new Map(
    places.map(place => [
      place,
      call(place, limit.signal).then(
        stream => ({ place, stream }),
        error => ({ place, error: error as Error }),
      ),
    ]),
  )
  try {
    while (calls.size > 0) {
      const called = await Promise.race(calls.values())
      calls.delete(called.place)
      if ('error' in called) {
        note(called.place, called.error)
        continue
      }
      const talk = new Conversation(called.stream, clock)
      const over = clock.at(clock.now() + talkTime, () => talk.close())
      try {
        const joined = await join({ ...guest, crypto, now: clock.wall() }, talk)
        return { ...joined, through: called.place }
      } catch (error) {
        if (error instanceof Refused) throw error
        note(called.place, error)
      } finally {
        over.cancel()
        talk.close()
      }
    }
  } finally {
    timer.cancel()
    limit.abort(new Error('over'))
    for (const call of calls.values()) void call.then(it => 'stream' in it && it.stream.abort())
  }
  throw new Failure(['no member was reached', ...problems].join('\n  '), {
    remedy: 'is one of them up, and does this machine have a network? A new token may know of others',
  })
}

/** A member that has just come up speaks a second or two later. */
async function patiently<T>({ clock }: Pick<Os, 'clock'>, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      await new Promise<void>(done => clock.at(clock.now() + again, done))
      if (signal.aborted) throw error
    }
  }
}

async function resolved(os: Os, places: readonly Place[]): Promise<Place[]> {
  const found = await Promise.all(
    places.map(async ({ key, endpoint }) => {
      const { host, port } = endpoint
      const addresses = parseAddress(host) === null ? await os.lookup.addresses(host) : [host]
      return addresses.map(address => ({ key, endpoint: { host: address, port } }))
    }),
  )
  return found.flat()
}
