/** Conversations of a protocol of ours with one node, on streams of libp2p: whoever speaks has proved its key. */

import type { Libp2p } from '@libp2p/interface'
import { Failure } from '../../base/failure.ts'
import type { Endpoint } from '../../base/ip.ts'
import type { PublicKey } from '../../protocol/identity/key.ts'
import type { ByteStream } from '../carrier/carrier.ts'
import { formatPeerAddress, isLoopback } from './address.ts'
import { byteStream } from './carry.ts'
import { type Gate, peerOf } from './gate.ts'

export type Talk = {
  readonly protocol: string
  /** @param isKnown a member, or a boot node of the file */
  readonly take: (key: PublicKey, stream: ByteStream, isKnown: boolean) => void
}

/** With one node, at once: one that was given up and is not yet known to be, and its successor. */
const limits = { maxInboundStreams: 2, maxOutboundStreams: 2, runOnLimitedConnection: true }

export async function listenForTalks(node: Libp2p, gate: Gate, talks: readonly Talk[]): Promise<void> {
  for (const { protocol, take } of talks) {
    await node.handle(
      protocol,
      (stream, { remotePeer }) => take(gate.keyOf(remotePeer)!, byteStream(stream), gate.isExempt(remotePeer)),
      limits,
    )
  }
}

/** Begins one, on the connection that there is or a new one. @throws where the node is not reached, or does not speak it */
export async function beginTalk(
  node: Libp2p,
  gate: Gate,
  { key, endpoint, webPort }: { key: PublicKey; endpoint: Endpoint; webPort?: number | undefined },
  protocol: string,
  signal: AbortSignal,
): Promise<ByteStream> {
  const peer = peerOf(key)
  if (!gate.admits(peer, 'dial')) throw new Failure('too little work')
  if (isLoopback(endpoint.host)) gate.loopback = true
  const at = (via: 'udp' | 'tcp' | 'wss', place: Endpoint) => formatPeerAddress(via, place, peer.toString())
  const web = webPort === undefined ? [] : [at('wss', { host: endpoint.host, port: webPort })]
  const connection = await node.dial([at('udp', endpoint), at('tcp', endpoint), ...web], { signal })
  return byteStream(await connection.newStream(protocol, { signal, runOnLimitedConnection: true }))
}
