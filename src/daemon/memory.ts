/** A node's memory as a file: JSON, written whole. What is not well-formed is forgotten, entry by entry. */

import { dirname } from 'node:path'
import * as z from 'zod'
import { type Endpoint, formatEndpoint, parseEndpoint } from '../base/ip.ts'
import type { Logger } from '../base/log.ts'
import { nothing, type Remembered, type Remembrance, type Store } from '../node/memory.ts'
import type { Files } from '../os/files.ts'
import { type PublicKey, readPublicKey } from '../protocol/identity/key.ts'

const File = z.object({
  // a wrong number would be refused by others for good; the clock gives another one
  sequence: z
    .int()
    .min(0)
    .max(2 ** 40)
    .catch(0),
  peers: z.record(z.string(), z.unknown()).catch({}),
  lifetimes: z.array(z.unknown()).catch([]),
})

/** How long the NAT at an address keeps a mapping, seconds. */
const Lifetime = z.object({
  address: z.string(),
  works: z.number().positive().nullable(),
  fails: z.number().positive().nullable(),
  at: z.number(),
})

/** What is remembered of one member. */
const Entry = z.object({ endpoints: z.array(z.string()).max(8), record: z.base64url().optional() })

function remembered(entry: unknown): Remembered | null {
  const { data } = Entry.safeParse(entry)
  if (!data) return null
  const { endpoints, record } = data
  return {
    endpoints: endpoints.map(text => parseEndpoint(text)).filter((found): found is Endpoint => found !== null),
    ...(record === undefined ? {} : { record: Uint8Array.from(Buffer.from(record, 'base64url')) }),
  }
}

export function fileStore(files: Files, path: string, log: Logger): Store {
  return {
    load() {
      try {
        const text = files.read(path)
        if (text === null) return nothing
        const { sequence, peers, lifetimes } = File.parse(JSON.parse(text))
        const entries = Object.entries(peers).flatMap(([name, entry]): [PublicKey, Remembered][] => {
          const [key, found] = [readPublicKey(name).ok, remembered(entry)]
          return key === undefined || found === null ? [] : [[key, found]]
        })
        return {
          sequence,
          peers: new Map(entries),
          lifetimes: lifetimes.flatMap(each => Lifetime.safeParse(each).data ?? []),
        }
      } catch (error) {
        log.warn('what was known of the members cannot be read, and is found anew', { error: String(error) })
        return nothing
      }
    },

    save({ sequence, peers, lifetimes }: Remembrance) {
      const entries = [...peers].map(([key, { endpoints, record }]) => [
        key,
        {
          endpoints: endpoints.map(formatEndpoint),
          ...(record === undefined ? {} : { record: Buffer.from(record).toString('base64url') }),
        },
      ])
      try {
        files.folder(dirname(path), 0o700)
        files.write(path, `${JSON.stringify({ sequence, peers: Object.fromEntries(entries), lifetimes })}\n`, {
          mode: 0o600,
        })
      } catch (error) {
        log.warn('cannot keep what is known of the members', { error: String(error) })
      }
    },
  }
}
