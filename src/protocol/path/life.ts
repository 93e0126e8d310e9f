/**
 * Does the peer live? What came of it since the path was lost, and what became of those who were asked a moment ago. What came before
 * the loss says nothing of now.
 */

import type { Endpoint } from '../../base/ip.ts'
import { minute, second, type Time } from '../../base/time.ts'
import { placeWords } from '../carrier/words.ts'
import { span } from '../nat/words.ts'
import type { Subject } from './explain.ts'

/** What was asked for this explanation, and what came back. */
export type Asked = {
  /** The endpoint in use, or where it was last, has answered; `null`: it was not asked. */
  readonly answers: boolean | null
  /** Other nodes that were asked, by UDP, and how many of them have answered. */
  readonly others: readonly string[]
  readonly answered: number
  /** When it was called for this, through its homes; `null`: it was not. */
  readonly calledAt: Time | null
}

export type Heard = { readonly endpoint: Endpoint; readonly at: Time }

/** A PING so old says nothing of now: who looks for us sends them every few seconds. */
const heardFor = 10 * second
/** An OFFER, where none of ours has been sent since that should have been answered: between two hunts lie 17 s at most. */
const offeredFor = 20 * second
/** A home takes so long, at most, to pass on a call and to bring back its answer. */
const answerWithin = 1 * second
/** In a path that works, something has answered so recently. */
const directFor = 1 * minute
/** A path in use is given up so soon after its last answer. */
const noticedWithin = 20 * second

type About = Pick<Subject, 'view' | 'now' | 'heard' | 'asked'>

/** The last PING of it, if that came since the path was lost, and a moment ago. */
export function heardNow({ view, now, heard }: About): Heard | null {
  return heard && view.state !== 'direct' && heard.at >= view.since && now - heard.at <= heardFor ? heard : null
}

/** When its OFFER came, if that was since the path was lost, and no call of ours has been in vain since then. */
export function calledNow({ view, now, asked }: About): Time | null {
  const { peerOfferedAt: at, since, lastOfferedAt } = view
  if (at === null || view.state === 'direct' || at < since || now - at > offeredFor) return null
  const called = Math.max(lastOfferedAt ?? at, asked?.calledAt ?? at)
  return called > at && now - called >= answerWithin ? null : at
}

/** It is up: it speaks. */
export function isUp(about: About): boolean {
  const { view, now, asked } = about
  if (view.state !== 'direct') return heardNow(about) !== null || calledNow(about) !== null
  if (asked && asked.answers !== null) return asked.answers
  return view.candidates.some(({ answeredAt }) => answeredAt !== null && now - answeredAt < directFor)
}

/** `stopped answering 12 s ago (203.0.113.7:1)`; `null` where nothing ever answered. */
export function lastAnswer({ view, now }: About): string | null {
  const [last] = view.candidates
    .flatMap(({ endpoint, answeredAt }) => (answeredAt === null ? [] : [{ endpoint, at: answeredAt }]))
    .sort((a, b) => b.at - a.at)
  if (!last) return null
  const stopped = view.state === 'hunting' && Math.abs(view.since - last.at) <= noticedWithin
  const verb = stopped ? 'stopped answering' : 'last answered'
  return `${verb} ${span(now - last.at)} ago (${placeWords(last.endpoint)})`
}

/** Nothing that we send is answered by anybody who was asked. */
export function isMute(subject: Subject): boolean {
  const { asked, ours, view } = subject
  if (isUp(subject)) return false
  // what was found out long ago is no word on now, unless nothing speaks against it
  if (!asked || asked.others.length === 0) {
    return ours.udp === 'no answer' && view.candidates.every(({ answeredAt }) => answeredAt === null)
  }
  return asked.answered === 0
}
