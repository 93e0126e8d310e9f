/** The numbers of the stream protocol, each with its unit and where it comes from. docs/protocol/stream.md lists them too. */

import { minute, second } from '../../base/time.ts'
import { openHead, overhead } from '../control/constants.ts'

/** Bytes of UDP payload: IPv6's least MTU (RFC 8200 §5) without the headers of IPv6 and UDP. */
export const maxDatagram = 1280 - 40 - 8

/** Bytes: 0xff, format, connection id, packet number. */
export const headerSize = 2 + 8 + 8

/** Bytes of ChaCha20-Poly1305's tag (RFC 8439 §2.8). */
export const tagSize = 16

/** Bytes that an OPEN adds to its packet: the sealed datagram's 114; type, connection id, secret, length. */
export const openOverhead = overhead + openHead

/** Bytes that wait to be sent for the first time, at most: what comes later should not stand in a long queue. */
export const sendBuffer = 64 * 1024

/** Bytes a peer may send ahead of the reader. It grows while the reader keeps up, so a peer that sends gaps gets no more. */
export const initialWindow = 64 * 1024
export const maxWindow = 1024 * 1024

/** Ranges of packet numbers in an ACK, at most; also how many are remembered (RFC 9000 §13.2.3). */
export const maxRanges = 32

/** An ACK waits for this many packets that ask for one (RFC 9000 §13.2.2). */
export const ackEvery = 2

/**
 * Milliseconds an ACK waits. QUIC has 25; a probe waits for it too, and most of our messages are a single packet, so that
 * their latency under loss is RTT + probe time-out.
 */
export const maxAckDelay = 5

/** RFC 9002 §6.1.1, §6.1.2. */
export const packetThreshold = 3
export const timeThreshold = 9 / 8
/** How far both may grow where packets overtake one another. */
export const maxPacketThreshold = 64
export const maxTimeThreshold = 2

/** Milliseconds: what clocks and timers can tell apart (RFC 9002 §6.1.2). */
export const granularity = 1

/** Milliseconds. RFC 9002 §6.2.2 has 333 for all the internet; with 33 a lost first packet costs 100 ms instead of a second. */
export const initialRtt = 33

/** Probes back off no further: a path that comes back is noticed. A longer RTT has longer pauses. */
export const maxProbeInterval = 2 * second

/** Somebody who answers nothing for this long is gone; after three probe time-outs where the path is that slow. */
export const giveUpAfter = 12 * second

/** A connection that nobody opened in truth (a replayed OPEN) ends without a word. */
export const confirmWithin = 10 * second

/** Nothing received and nothing outstanding: then the connection ends silently. Who wants it longer sends something. */
export const maxIdle = 5 * minute

/** Milliseconds a client waits for something to write before it sends an OPEN without it. */
export const helloDelay = 5

/** A closed connection stays for three probe time-outs, for packets that are late (RFC 9000 §10.2), … */
export const lingerTimeouts = 3
/** … and this long if its CLOSE may have to be repeated: a peer who misses it waits in vain until it gives up. */
export const lingerAtLeast = 2 * second
/** Milliseconds between two CLOSEs, at least. */
export const closeEvery = 5

/** RFC 9002 §7.2: ten packets. */
export const initialCongestionWindow = 10 * maxDatagram
/** BBR's four packets (draft-ietf-ccwg-bbr §2.8); with the two of RFC 9002 a lost packet and its probe stop everything else. */
export const minCongestionWindow = 4 * maxDatagram
/** After a pause of this long a connection may begin like a new one. */
export const forgetPathAfter = 1 * second

/** RFC 9002 §7.6.1, in probe time-outs. */
export const persistentCongestion = 3
