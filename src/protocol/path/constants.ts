/**
 * The numbers of the path machine, each with its unit and its reason. docs/protocol/path.md explains the rules that use them.
 */

import { minute, second, type Time } from '../../base/time.ts'

/**
 * When a candidate is probed after its first probe, ms. The gaps double from 100 ms: a NAT filter that the peer opens a moment after
 * our first probe is caught at once, and a round trip of 1 s still gets its answer before the ladder ends.
 */
export const ladder = [0, 100, 300, 700, 1_500, 3_100] as const

/** Rungs of the ladder that decide whether the endpoint in use is dead. Harmless if wrong: the hunt that follows probes it again. */
export const checkRungs = 4

/** The same where the peer itself says that it has lost us: it surely has, and what is needed next should begin soon. */
export const lostRungs = 3
export const lostWait = 300

/** Rungs for an endpoint that a PING came from: its sender repeats, we need not. */
export const heardRungs = 1

/** How long the last rung of a ladder waits for its answer, ms, or `answerRtts` times the round trip where that is longer. */
export const answerWait = 800
export const answerRtts = 3

/**
 * Candidates a peer may have, by who said so. A record has 16 endpoints at most, an OFFER too; each three homes, which may be relays. The
 * sum bounds the table: 56.
 */
export const room = {
  file: 4,
  record: 16,
  offer: 16,
  cache: 4,
  lan: 4,
  heard: 3,
  tunnel: 1,
  spray: 2,
  relay: 6,
} as const

/** Probes to one peer: one full ladder for a full table at once, then what five candidates need who moves every 6 s. */
export const probeBurst = 32 * ladder.length
export const probesPerSecond = 5

/** The same through relays, from a purse of their own: a full ladder each, then what a hunt in 30 s and one that is kept warm need. */
export const relayProbeBurst = room.relay * ladder.length
export const relayProbesPerSecond = 2

/** Probes because a PING was heard: whoever replays PINGs from invented addresses gets no more out of us. */
export const heardBurst = 4
export const heardPerSecond = 0.5

/** A new hunt of the same candidates, ms: doubling from the first to the last. Below 30 s, NATs still hold what the hunt before opened. */
export const huntAgain = { first: 15 * second, last: 5 * minute } as const

/** The same while somebody sends to the peer: a router that starts anew, or a link that was away, is back within seconds. */
export const huntAskedAgain = { first: 1 * second, last: 15 * second } as const

/** The same while the path is relayed and in use: a direct one is looked for as long as there is none. */
export const huntRelayedAgain = { first: 5 * second, last: 30 * second } as const

/**
 * The second relay is asked so often, ms: a lost answer is asked for again, and it is still fresh enough (`freshFor`) when the relay in use
 * dies.
 */
export const warmEvery = 7 * second

/**
 * From the direct path that takes the place of a relay to the relay's being left, ms: after the first PING of the peer that comes by the
 * direct path, which it will have found within a second; without one, it gets more time. Then the relay's last packets, at least so long, ms.
 */
export const leaveAfter = { heard: 1 * second, unheard: 5 * second } as const
export const leaveAgain = 50

/** The record looked up again, ms: doubling from the first to the last. Two nodes that start together publish within a second. */
export const lookUpAgain = { first: 1 * second, last: 5 * minute } as const

/** Pauses are drawn between (1 - jitter) and 1 times their length, so that peers of one outage do not come back in step. */
export const jitter = 0.25

/** While candidates are being tried, the directory is left alone for so long, ms: an endpoint that still holds answers sooner. */
export const lookUpGrace = 300

/** A look-up that does not end, ms, frees the hunt's place; its record is welcome later. */
export const lookUpLimit = 5 * second

/** An answer so old, ms, is still good enough to go over to the candidate when the endpoint in use dies. */
export const freshFor = 10 * second

/**
 * WireGuard sends and nothing comes back for so long, ms: the endpoint is checked. An answer to data comes in a round trip, or, where
 * nobody has anything to say, after KEEPALIVE_TIMEOUT = 10 s (whitepaper §6.5): so this is a reason to ask, not yet a verdict.
 */
export const silentAfter = 2 * second

/** The same for a peer that never answered a PING, a plain WireGuard: KEEPALIVE_TIMEOUT + REKEY_TIMEOUT, when WireGuard doubts itself. */
export const silentAfterUnproved = 16 * second

/** Between two checks of the endpoint in use, ms: traffic in one direction would ask all the time. */
export const checkAgain = 2 * second

/** PINGs are answered and the tunnel is not, for so long, ms: the endpoint is set once more (a source address that is gone heals so). */
export const wedgedAfter = 15 * second

/** Setting an endpoint against WireGuard's own will, ms: doubling from the first to the last. */
export const insistAgain = { first: 30 * second, last: 60 * minute } as const

/** A `use` needs so long, ms, to reach the interface and a poll; before that, another endpoint there is no roaming. */
export const settleTime = 3 * second

/** Another endpoint of the same rank must be faster by this share and by so many ms, or paths would flap. */
export const fasterShare = 0.2
export const fasterBy = 10

/** Somebody has asked for the peer so recently, ms, that a hunt is urgent, and goes on. */
export const askedFor = 60 * second

/** Hunts that nobody asks for: so many, and then the peer is left alone until something happens. */
export const unaskedHunts = 3

/** The same for look-ups, which begin 1 s apart: so many take half a minute, in which a directory is joined. */
export const unaskedLookUps = 6

/**
 * When an OFFER is sent while a peer does not answer, ms after the hunt's begin. The first makes both sides probe at the same time; the
 * second comes when a lost one would have been answered on most paths; each begins the other side's ladder anew.
 */
export const offerTimes = [0, 300, 1_000, 3_000] as const

/**
 * OFFERs to one peer: four hunts of them at once, then one in 2 s; who moves every few seconds needs as many. Pauses between hunts keep
 * a peer that is gone far below that. A home passes on 10 a second for all of our peers.
 */
export const offerBurst = 16
export const offersPerSecond = 0.5

/** OFFERs of the peer that are acted upon: all that an honest one sends. Each may cost 16 ladders, within `probeBurst`. */
export const offeredBurst = 16
export const offeredPerSecond = 1

/** Data so recent, ms, means that the path is in use and must be known to live. Counters are read every 5 s: three looks. */
export const usedFor = 15 * second

/** Nobody has used the path for so long, ms: WireGuard's keepalive ends, so that its session may end, too. */
export const heldFor = 60 * second

/** Nothing at all has come or gone for so long, ms, and there is no session: WireGuard is pointed at the doorbell. */
export const restAfter = 60 * second

/** An endpoint that answered so recently, ms, is used at once when the doorbell rings. Below 30 s, NATs still hold the mapping. */
export const rememberedFor = 20 * second

/** A PING to an endpoint in use counts as unanswered after so long, ms, or twice the round trip, or RFC 6298's time-out if longer. */
export const beatTimeout = 250

/** A late answer makes the next PINGs come so soon, ms: a second opinion, before the first PING is given up. */
export const beatHurried = 100

/** How late an answer is then, as a share of the time-out: behind nearly all round trips, of which there go at most two into one. */
export const beatLate = 0.6

/** Between two PINGs to an endpoint in use that does not answer: it was lost, or only WireGuard has proved it; ms. */
export const beatSlow = 1 * second

/** PINGs that could not be sent in time by so much, ms: we slept, and what is unanswered says nothing of the path. */
export const sleptFor = 1 * second

/** Loss is measured over about so many PINGs; before that it is taken for 30 %, with the weight of two: a bad path is not yet a dead one. */
export const lossMemory = 100
export const lossAtFirst = { share: 0.3, weight: 2 } as const

/**
 * So unlikely must it be that chance alone ate the PINGs in a row that nothing answered. To suspect the endpoint in use costs an OFFER and
 * some probes; to give it up for another one that answers may break what works. Where the peer itself says that it is elsewhere, half of the
 * evidence (the root of the chance) is enough.
 */
export const suspectChance = 1e-2
export const movedChance = 1e-3
export const deadChance = 1e-6

/** And in numbers, at least and at most. */
export const suspectBeats = { least: 2, most: 6 } as const
export const movedBeats = { least: 1, most: 12 } as const
export const lostBeats = { least: 2, most: 12 } as const
export const deadBeats = { least: 3, most: 30 } as const

/** From the suspicion to the end of a path for which there is no other, ms: what the four PINGs of a check take with their answers. */
export const verdictAfter = 1_500

/** The peer has said, so many ms ago, that it is elsewhere or has lost us. It says so again while that is true. */
export const calledFor = 3 * second

/** WireGuard's REKEY_TIMEOUT (whitepaper §6.1), ms: it begins no two sessions in less. */
export const shakeAgain = 5 * second

/**
 * A handshake that got no word has so long, ms, or `answerRtts` times the round trip; then WireGuard begins a new one. So often, until WireGuard
 * is left to its own pace: a peer that answers PINGs and never a handshake does not want one.
 */
export const handshakeWait = 1 * second
export const handshakesMost = 10

/** Keepalives in a session that began after that, and their pause, ms: one of four gets through where every second packet is lost. */
export const confirmTimes = 4
export const confirmEvery = 1 * second

/** WireGuard's REJECT_AFTER_TIME (whitepaper §6.1), ms: no session is older. */
export const sessionLife = 180 * second

/** PersistentKeepalive, seconds: below the 30 s after which many NATs forget (RFC 4787 §4.3 asks for 2 minutes). */
export const keepaliveSeconds = 25

/** `never` on a monotonic clock. */
export const never: Time = Number.POSITIVE_INFINITY

/** Hunts at the same time, over all peers. One lasts 5 s at most, so 10 000 silent members are gone through in half an hour. */
export const huntsAtOnce = 32

/** Of these, kept for peers that somebody talks to. */
export const huntsForUrgent = 8
