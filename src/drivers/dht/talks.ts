/** Conversations of a protocol of ours with one node, on streams of libp2p: whoever speaks has proved its key. */

import type { Libp2p } from '@libp2p/interface'
import { Failure } from '../../base/failure.ts'
import type { Endpoint } from '../../base/ip.ts'
import { second } from '../../base/time.ts'
import type { Clock } from '../../os/clock.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { ByteStream } from '../carrier/carrier.ts'
import { formatPeerAddress, isLoopback } from './address.ts'
import { byteStream, type CarrierStreams } from './carry.ts'
import { type Gate, peerOf } from './gate.ts'

export type Talk = {
  readonly protocol: string
  readonly take: (key: PublicKey, stream: ByteStream) => void
}

/** With one node, at once: one that was given up and is not yet known to be, and its successor. */
const limits = { maxInboundStreams: 2, maxOutboundStreams: 2, runOnLimitedConnection: true }

export async function listenForTalks(node: Libp2p, gate: Gate, talks: readonly Talk[]): Promise<void> {
  for (const { protocol, take } of talks) {
    await node.handle(protocol, (stream, { remotePeer }) => take(gate.keyOf(remotePeer)!, byteStream(stream)), limits)
  }
}

export type TalkParts = {
  readonly node: Libp2p
  readonly gate: Gate
  readonly clock: Clock
  /** For a WebSocket, where nothing else gets out. */
  readonly carriers: Pick<CarrierStreams, 'web'>
}

/** What is better is through by then. */
const headStart = 1.5 * second

/** Begins one, on the connection that there is or a new one. @throws where the node is not reached, or does not speak it */
export async function beginTalk(
  parts: TalkParts,
  key: PublicKey,
  endpoint: Endpoint,
  protocol: string,
  signal: AbortSignal,
): Promise<ByteStream> {
  const peer = peerOf(key)
  if (!parts.gate.admits(peer, 'dial')) throw new Failure('too little work')
  if (isLoopback(endpoint.host)) parts.gate.loopback = true
  const connection = await connect(parts, peer.toString(), endpoint, signal)
  return byteStream(await connection.newStream(protocol, { signal, runOnLimitedConnection: true }))
}

async function connect({ node, clock, carriers }: TalkParts, peer: string, endpoint: Endpoint, signal: AbortSignal) {
  const addresses = (['udp', 'tcp'] as const).map(via => formatPeerAddress(via, endpoint, peer))
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const usual = node.dial(addresses, { signal: both })
  const late = new Promise<void>((resolve, reject) => {
    const timer = clock.at(clock.now() + headStart, resolve)
    usual.then(
      () => {
        timer.cancel()
        reject(new Error('not needed'))
      },
      () => resolve(),
    )
  })
  try {
    return await Promise.any([usual, late.then(() => carriers.web(peer, endpoint, both))])
  } catch (error) {
    const [first] = (error as AggregateError).errors as Error[]
    throw first ?? error
  } finally {
    over.abort(new Error('another was first'))
  }
}
