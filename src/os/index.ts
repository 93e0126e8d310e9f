/** Everything this program can ask of the operating system. `ls` of this folder is the whole list. */

import { type Clock, systemClock } from './clock.ts'
import { type Files, systemFiles } from './files.ts'
import { type Http, systemHttp } from './http.ts'
import { type Locks, systemLocks } from './lock.ts'
import { type Lookup, systemLookup } from './lookup.ts'
import { type Machine, systemMachine } from './machine.ts'
import { type Random, systemRandom } from './random.ts'
import { type Programs, systemPrograms } from './run.ts'
import { systemTcp, type Tcp } from './tcp.ts'
import { systemUdp, type Udp } from './udp.ts'

export type Os = {
  readonly clock: Clock
  readonly random: Random
  readonly programs: Programs
  readonly files: Files
  readonly udp: Udp
  readonly tcp: Tcp
  readonly http: Http
  readonly locks: Locks
  readonly lookup: Lookup
  readonly machine: Machine
}

export const systemOs: Os = {
  clock: systemClock,
  random: systemRandom,
  programs: systemPrograms,
  files: systemFiles,
  udp: systemUdp,
  tcp: systemTcp,
  http: systemHttp,
  locks: systemLocks,
  lookup: systemLookup,
  machine: systemMachine,
}
