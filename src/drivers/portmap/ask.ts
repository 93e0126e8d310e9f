/**
 * One question by UDP to the router, and its answer: from its address, or it is not heard. A socket of its own for each, on a port of
 * the kernel's choice, so that who is not on the link would have to guess it.
 */

import type { Address, Endpoint } from '../../base/ip.ts'
import type { Time } from '../../base/time.ts'
import type { Os } from '../../os/index.ts'

export type Question<T> = {
  readonly from: Address
  /** Only what comes from there is read; port 0 stands for any port. */
  readonly answerer: Endpoint
  readonly packets: readonly { readonly bytes: Uint8Array; readonly to: Endpoint }[]
  /** `null` for what is no answer to this. */
  readonly read: (bytes: Uint8Array) => T | null
  /** How long who is asked may take with his answer. */
  readonly delay?: Time
}

/** When it is asked, and asked again. The router is one hop away; what takes so long was lost, or Wi-Fi asleep. */
const attempts: readonly Time[] = [0, 150, 400]
const patience: Time = 600
/** PCP's longest message (RFC 6887 §7); an SSDP answer has a few hundred bytes. */
const longest = 1_100

/** `null` where no answer came, or it was aborted. */
export async function ask<T>(
  os: Pick<Os, 'udp' | 'clock'>,
  question: Question<T>,
  signal: AbortSignal,
): Promise<T | null> {
  const { from, answerer, packets, read, delay = 0 } = question
  let end: (answer: T | null) => void = () => {}
  const answered = new Promise<T | null>(resolve => {
    end = resolve
  })
  const receive = (bytes: Uint8Array, { host, port }: Endpoint) => {
    if (host !== answerer.host || (answerer.port !== 0 && port !== answerer.port) || bytes.length > longest) return
    const answer = read(bytes)
    if (answer !== null) end(answer)
  }
  const socket = await os.udp.bind(from, 0, receive).catch(() => null)
  if (!socket) return null // the address has gone
  const began = os.clock.now()
  const send = () => {
    for (const { bytes, to } of packets) socket.send(bytes, to)
  }
  const timers = [
    ...attempts.map(after => os.clock.at(began + after, send)),
    os.clock.at(began + patience + delay, () => end(null)),
  ]
  const abort = () => end(null)
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  const answer = await answered
  signal.removeEventListener('abort', abort)
  for (const timer of timers) timer.cancel()
  socket.close()
  return answer
}
