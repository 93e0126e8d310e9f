/** Where UDP does not get through: the carriers of this node, and the ladder that says when one is needed. */

import type { Address, Endpoint } from '../base/ip.ts'
import type { PublicKey } from '../protocol/identity/key.ts'
import { Carriers, type CarriersParts, type CarriersReport } from './carriers.ts'
import { Ladder, type LadderParts } from './ladder.ts'
import type { Place } from './offers.ts'
import { WebRtcPaths, type WebRtcPathsParts } from './webrtc.ts'

export type CarryingParts = Omit<CarriersParts, 'changed'> &
  Omit<LadderParts, 'carriers'> &
  Omit<WebRtcPathsParts, 'carriers'> & {
    /** A node that others reach, by what is known of it. */
    readonly isOpen: (key: PublicKey) => boolean
    /** On a link of this machine. */
    readonly isNear: (host: Address) => boolean
    /** What leads to nodes is something else now. */
    readonly changed: (why: string) => void
  }

/** For people: the carriers that there are, and what was tried where UDP got no answer. */
export type CarryingReport = CarriersReport & {
  readonly tried: ReturnType<Ladder['tried']>
  /** What this platform does not have, as was found when it was wanted. */
  readonly missing?: readonly 'webrtc'[]
}

export class Carrying {
  readonly carriers: Carriers
  readonly #ladder: Ladder
  /** Past the relay, to members. */
  readonly webrtc: WebRtcPaths
  readonly #parts: CarryingParts

  constructor(parts: CarryingParts) {
    this.#parts = parts
    const { clock, log, open, ask } = parts
    this.carriers = new Carriers({
      ...parts,
      changed: (host, up) => {
        if (up) this.webrtc.again()
        else this.#ladder.ended(host)
        parts.changed(up ? 'another way than UDP leads to a node' : 'a way that is not UDP has ended')
      },
    })
    this.#ladder = new Ladder({ clock, log, carriers: this.carriers, open, ask, places: () => this.#far() })
    this.webrtc = new WebRtcPaths({ ...parts, carriers: this.carriers })
  }

  /** Who is on our own link answers by UDP, or not at all: no network in between blocks it. */
  #far(): readonly Place[] {
    const { places, isNear } = this.#parts
    return places().filter(({ endpoint }) => !isNear(endpoint.host))
  }

  /** This node begins, or its network is another one. @param elsewhere its addresses are others */
  begin(elsewhere: boolean): void {
    this.#ladder.begin(elsewhere)
  }

  /** A node has answered from there. @returns whether by a carrier */
  answered({ host }: Endpoint): boolean {
    const carried = this.carriers.leadsTo(host)
    if (!carried && !this.#parts.isNear(host)) this.#ladder.answered()
    return carried
  }

  /** A node is about to be asked: where UDP is known to get nowhere, it is not waited for. */
  prepare(place: Place): void {
    const { isOpen, isNear } = this.#parts
    if (!isNear(place.endpoint.host) && isOpen(place.key)) this.#ladder.need(place)
  }

  /** A question that was asked at that time was not answered. */
  silent(key: PublicKey, endpoint: Endpoint, askedAt: number): void {
    const place = { key, endpoint }
    const isKnown = this.#far().some(known => known.key === key && known.endpoint.host === endpoint.host)
    if (isKnown) this.#ladder.silent(place, askedAt)
    else this.prepare(place)
  }

  report(): CarryingReport {
    return {
      ...{ ...this.carriers.report(), tried: this.#ladder.tried() },
      ...(this.webrtc.isMissing && { missing: ['webrtc'] }),
    }
  }

  stop(): void {
    this.#ladder.stop()
    this.webrtc.stop()
    this.carriers.close()
  }
}
