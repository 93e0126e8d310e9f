/**
 * What libp2p keeps: peers with their addresses, and records of the DHT. On disk, so that a restart needs no boot node; in memory
 * where the folder cannot be used. LevelDB opens its files by itself, which is why `os` has no part in reading and writing them.
 *
 * Nothing gets in that the gate refuses: libp2p would write down every peer that it is told of, and kad-dht everything that it is
 * sent. Provider records, with which IPFS finds files, are none of our business at all.
 */

import { NotFoundError } from '@libp2p/interface'
import { Record as KadRecord } from '@libp2p/kad-dht'
import { MemoryDatastore } from 'datastore-core'
import { LevelDatastore } from 'datastore-level'
import { type Datastore, Key } from 'interface-datastore'
import type { Logger } from '../../base/log.ts'
import type { Files } from '../../os/files.ts'
import { keyOfPlace, RecordRefused, type Values } from './values.ts'

type Closable = Datastore & { close?(): Promise<void> }

export type Store = {
  readonly datastore: Datastore
  readonly persistent: boolean
  /** The record that is held under a place, or `null`. */
  read(id: Uint8Array): Promise<Uint8Array | null>
  close(): Promise<void>
}

const records = '/dht/record/'
const refused = ['/dht/provider/']

/** Opens the folder, or memory in its place. A folder that cannot be read is begun anew: all in it can be found again. */
async function openDatastore(folder: string | null, files: Files, log: Logger): Promise<Closable> {
  if (folder === null) return new MemoryDatastore()
  for (const attempt of ['first', 'second']) {
    const level = new LevelDatastore(folder)
    try {
      files.folder(folder, 0o700)
      // `level.open` would keep the reason to itself
      await level.db.open({ createIfMissing: true })
      return level
    } catch (error) {
      const { message, cause } = error as Error & { cause?: Error & { code?: string } }
      const reason = cause?.message ?? message
      await level.close().catch(() => {})
      if (attempt === 'second' || cause?.code !== 'LEVEL_CORRUPTION') {
        log.warn('the DHT keeps its peers in memory only: its folder cannot be used', { path: folder, error: reason })
        break
      }
      log.warn('the peers of the DHT are begun anew: their folder is damaged', { path: folder, error: reason })
      for (const name of files.list(folder)) files.remove(`${folder}/${name}`)
    }
  }
  return new MemoryDatastore()
}

/** Opens the store and reads from it which records it holds. */
export async function openStore(folder: string | null, files: Files, values: Values, log: Logger): Promise<Store> {
  const inner = await openDatastore(folder, files, log)
  for await (const { key, value } of inner.query({ prefix: records })) {
    if (!(await values.restore(value))) await inner.delete(key)
  }
  const datastore = guard(inner, values)
  return {
    datastore,
    persistent: inner instanceof LevelDatastore,
    async read(id) {
      try {
        // LevelDB gives views into its own buffers
        return Uint8Array.from(KadRecord.deserialize(await datastore.get(recordKey(keyOfPlace(id)))).value)
      } catch {
        return null
      }
    },
    close: async () => inner.close?.(),
  }
}

/** Where kad-dht keeps the record of a key. */
export const recordKey = (key: Uint8Array) => new Key(`${records}${base32(key)}`, false)

/** RFC 4648 base32 without padding, in lower case: how kad-dht names a record in the datastore. */
function base32(bytes: Uint8Array): string {
  let bits = ''
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0')
  return bits.replace(/.{1,5}/g, five => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five.padEnd(5, '0'), 2)]!)
}

/** The datastore with the rules of `values.ts`. kad-dht uses `put`, `get` and `delete` for records. */
export function guard(inner: Datastore, values: Values): Datastore {
  return {
    async put(key, value, options) {
      const name = key.toString()
      if (refused.some(prefix => name.startsWith(prefix))) throw new RecordRefused('no such records here')
      if (name.startsWith(records)) {
        for (const old of await values.take(value)) await inner.delete(recordKey(old))
      }
      return inner.put(key, value, options)
    },
    async get(key, options) {
      const value = await inner.get(key, options)
      if (!key.toString().startsWith(records) || values.isFresh(value)) return value
      await inner.delete(key)
      throw new NotFoundError('the record has expired')
    },
    has: (key, options) => inner.has(key, options),
    delete: (key, options) => inner.delete(key, options),
    putMany: (pairs, options) => inner.putMany(pairs, options),
    getMany: (keys, options) => inner.getMany(keys, options),
    deleteMany: (keys, options) => inner.deleteMany(keys, options),
    batch: () => inner.batch(),
    query: (query, options) => inner.query(query, options),
    queryKeys: (query, options) => inner.queryKeys(query, options),
  }
}
