/** STUN's port on a node that others reach: tells members that call each other where they are seen. IPv4, as their calls are. */

import { Allowance } from '../../base/allowance.ts'
import { parseAddress } from '../../base/ip.ts'
import type { Clock } from '../../os/clock.ts'
import type { Udp } from '../../os/udp.ts'
import { answerBinding } from '../../protocol/carrier/stun.ts'

/** A call asks some 5 times. */
const answers = { burst: 200, perSecond: 100 } as const

/** @throws with `code` where another program has the port */
export async function openStun({ udp, clock }: { udp: Udp; clock: Clock }, port: number): Promise<{ close(): void }> {
  const allowance = new Allowance(answers.burst, answers.perSecond)
  const socket = await udp.bind(parseAddress('0.0.0.0')!, port, (bytes, from) => {
    const answer = answerBinding(bytes, from)
    if (answer && allowance.take(clock.now())) socket.send(answer, from)
  })
  return socket
}
