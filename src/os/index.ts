/** Everything this program can ask of the operating system. `ls` of this folder is the whole list. */

import type { Crypto } from '../base/crypto.ts'
import { type Capture, systemCapture } from './capture.ts'
import { type Clock, systemClock } from './clock.ts'
import { systemCrypto } from './crypto.ts'
import { type Files, systemFiles } from './files.ts'
import { type Http, systemHttp } from './http.ts'
import { type Links, systemLinks } from './links.ts'
import { type Locks, systemLocks } from './lock.ts'
import { type Lookup, systemLookup } from './lookup.ts'
import { type Machine, systemMachine } from './machine.ts'
import { type Multicast, systemMulticast } from './multicast.ts'
import { type Random, systemRandom } from './random.ts'
import { type Raw, systemRaw } from './raw.ts'
import { type Routes, systemRoutes } from './routes.ts'
import { type Programs, systemPrograms } from './run.ts'
import { type Sleep, systemSleep } from './sleep.ts'
import { type Source, systemSource } from './source.ts'
import { systemTcp, type Tcp } from './tcp.ts'
import { systemUdp, type Udp } from './udp.ts'
import { systemWeb, type Web } from './web.ts'

export type Os = {
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly programs: Programs
  readonly files: Files
  readonly udp: Udp
  readonly sleep: Sleep
  readonly source: Source
  readonly multicast: Multicast
  readonly links: Links
  readonly capture: Capture
  readonly raw: Raw
  readonly tcp: Tcp
  readonly http: Http
  readonly web: Web
  readonly routes: Routes
  readonly locks: Locks
  readonly lookup: Lookup
  readonly machine: Machine
}

export const systemOs: Os = {
  clock: systemClock,
  random: systemRandom,
  crypto: systemCrypto,
  programs: systemPrograms,
  files: systemFiles,
  udp: systemUdp,
  sleep: systemSleep,
  source: systemSource,
  multicast: systemMulticast,
  links: systemLinks,
  capture: systemCapture,
  raw: systemRaw,
  tcp: systemTcp,
  http: systemHttp,
  web: systemWeb,
  routes: systemRoutes,
  locks: systemLocks,
  lookup: systemLookup,
  machine: systemMachine,
}
