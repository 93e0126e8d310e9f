/** The numbers of birthday probing, each with its unit and its reason. docs/protocol/birthday.md explains the rules that use them. */

import { hour, minute, second, type Time } from '../../base/time.ts'

/** With 256 of 64512 ports open, 174 probes meet one with 50 %, 750 with 95 %, 1000 with 98 %. */
export const sockets = { few: 16, many: 256 } as const
export const probesMost = 1_000
/** 100 a second, 18 kB with all headers: less than two telephone calls, and below what routers take for a flood. */
export const probeEvery: Time = 10

/** Where nothing simpler can work. Long enough for a path on the same link, which nobody had thought of. */
export const soon: Time = 150
/** Where the easy side's filter is not known: what a filter of addresses lets in has come by then. */
export const afterFirstProbes: Time = 400
/** Where something simpler can work: four rungs of its ladder, and their answers. */
export const afterProbing: Time = 1_500
/** How long the few, whose ports are predicted, are given before the many are opened. */
export const fewOpen: Time = 1_500
/** Ten seconds of probes, what the OFFER takes, and the last answer. Less than NATs keep a mapping without an answer (30 s; RFC 4787 REQ-5). */
export const manyOpen: Time = 14_000
/** OFFERs get lost. Ms after the branches are open. */
export const tellAt: readonly Time[] = [0, 700, 2_000, 4_500]
/** How late the next probe may be and still be made up for. */
export const latest: Time = 100
/** The last PONG may be on its way. */
export const lastAnswer: Time = 1_500
/** From a meeting until the path is proved by other means. */
export const proofWait: Time = 3_000
/** Branches that we hear are asked beside the others. Whoever replays what we have heard shall not use up our probes. */
export const heardMost = 16
/** What was heard a moment before the spray came. */
export const heardFor: Time = 5_000
/** A spray that waited longer for its turn finds the branches closed. */
export const sprayLife: Time = 5_000
/** How long a success with a pair of addresses counts, and a failure at most: from `failedAgain` on, four times as long each time. */
export const remembered = 1 * hour
export const failedAgain = 1 * minute
export const pairsRemembered = 8
/** Beginnings with one peer that come to nothing, whatever changes: at once, and in the long run. Who is on the way moves a few times. */
export const beginnings = { burst: 6, rate: second / (2 * minute) } as const
