/**
 * The numbers of the control protocol, with their units and where they come from. Lengths are bytes, unless a name says otherwise.
 */

import { hour, minute, second } from '../../base/time.ts'

/** First byte of each of our datagrams; WireGuard's own start with a type from 1 to 4 (whitepaper §5.4). */
export const controlByte = 0xff

/** Second byte: what follows. Datagrams of other formats are dropped, so a later one cannot be mistaken for these. */
/** `bind`: sealed as well, for the relay whose port it comes to; there, the rest is forwarded. 3 is `protocol/lan`'s, on its own port. */
export const formats = { sealed: 1, stream: 2, bind: 4 } as const

export const headerLength = 2
export const checkLength = 16
/** A Curve25519 key, and each output of BLAKE2s-256. */
export const keyLength = 32
/** Poly1305's (RFC 8439 §2.5). */
export const tagLength = 16
export const prologue = 'wirehub control 1'
export const checkLabel = 'wirehub check---'

/** What sealing adds: header, check, ephemeral key, sealed static key, the body's tag. */
export const overhead = headerLength + checkLength + keyLength + (keyLength + tagLength) + tagLength

/** With headers of IPv6 and UDP 1448 bytes, which pass unfragmented over Ethernet, PPPoE (1492) and DS-Lite (1460). */
export const maxDatagram = 1400
export const maxMessage = maxDatagram - overhead
/** One byte of message: its type. */
export const minDatagram = overhead + 1

/** 96 random bits, as STUN has them (RFC 8489 §5). */
export const transactionLength = 12

/** Family and longest address and port. */
const endpointLength = 1 + 16 + 2
/** The longest PONG: type, transaction, endpoint, clock. */
export const pongLength = 1 + transactionLength + endpointLength + 8
/** PING without its padding: type, transaction, flags, candidate. */
export const pingHead = 1 + transactionLength + 1 + 2
/** A PING is never shorter than the PONG it asks for. */
export const pingLength = pongLength
export const minPadding = pingLength - pingHead
/** A hash of the network's name, cut off: enough to tell a machine's few networks apart. */
export const networkLength = 8
/** A PING that asks for a network gets a PONG with one byte more. */
export const minPaddingWithNetwork = minPadding + 1
export const maxPadding = maxMessage - pingHead
/** 128 bits, as long as the check: nobody guesses one. */
export const tokenLength = 16

/** An endpoint record with all its endpoints and homes; `protocol/directory` states the same number. */
export const maxRecord = 768
/** RECORD without the record: type, transaction, length. */
export const recordHead = 1 + transactionLength + 2
/** A FIND is never shorter than the RECORD it asks for. */
export const findLength = recordHead + maxRecord
export const idLength = 32

export const connectionLength = 8
export const secretLength = 32
/** OPEN without its stream packet: type, connection id, secret, length. */
export const openHead = 1 + connectionLength + secretLength + 2
/** Who opens a connection pays with 1200 bytes, as in QUIC (RFC 9000 §8.1 and §14.1). */
export const minOpenDatagram = 1200
export const openLength = minOpenDatagram - overhead
/** The longest stream packet that an OPEN can carry. */
export const maxOpenPacket = maxMessage - openHead

/** CALL without its datagram: type, transaction, token, target, length. */
export const callHead = 1 + transactionLength + tokenLength + keyLength + 2
/** The longest datagram that a CALL can carry. */
export const maxCalled = maxMessage - callHead
/** The longest LEASE without a relay port: type, transaction, state, token, seconds, endpoint, clock, other port, other family and address. */
export const leaseLength = 1 + transactionLength + 1 + tokenLength + 2 + endpointLength + 8 + 2 + 1 + 16
/** A HOME is never shorter than the LEASE it asks for. */
export const homeLength = leaseLength
/** A HOME that wants a relay port gets a LEASE with two bytes more. */
export const homeLengthWithRelay = homeLength + 2
/** HOME without its flags: type, transaction, token. */
export const homeHead = 1 + transactionLength + tokenLength
/** The longest BOUND: type, transaction, state, token, seconds, endpoint. */
export const boundLength = 1 + transactionLength + 1 + tokenLength + 2 + endpointLength
/** A BIND is never shorter than the BOUND it asks for. */
export const bindLength = boundLength
/** OFFERs are padded to a multiple of this, so that their length tells less. */
export const offerBlock = 64

/** Format 2 without its frames: header, connection id, packet number. */
export const streamHead = headerLength + connectionLength + 8
export const minStreamPacket = streamHead + tagLength

/**
 * How many datagrams are opened, of all that pass the check. Opening one costs about 150 µs on a small machine: strangers get at most
 * 15 % of one core, one source of them a tenth of that. Packets a second, and how many may come at once.
 */
export const budgets = {
  /** One IPv4 address, or one IPv6 /64: what one customer of a provider has. */
  source: { rate: 100, burst: 200 },
  /** All sources together that have not answered us. */
  strangers: { rate: 1_000, burst: 2_000 },
  /** One endpoint that answered a challenge of ours. */
  peer: { rate: 500, burst: 1_000 },
} as const

/** How long an answer to our challenge counts. Peers in use are asked far more often. */
export const provenFor = 10 * minute

/** Entries of the tables that a stranger can fill; the least recently used one makes room. */
export const tables = {
  sources: 4_096,
  peers: 4_096,
  keys: 4_096,
  receivers: 1_024,
  offers: 4_096,
  calls: 4_096,
} as const

/** Requests of ours that wait for an answer. */
export const maxOpenRequests = 4_096
/** FINDs that wait for our own look-up. */
export const maxOpenFinds = 64
/** When a request is sent, counted from its start: gaps that double, as RFC 8489 §6.2.1 has it, but start lower. */
export const sendTimes: readonly number[] = [0, 200, 600, 1_400]
export const answerTimeout = 3 * second

/** An OFFER's time may lie so far below the last one of the same key, and no less: then the sender's clock was set back. */
export const clockSetBack = 1 * hour
