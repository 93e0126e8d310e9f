/**
 * What a running daemon has put into the machine, written before it does so. After a crash, the next `up` or `down` reads here what
 * to take over or to remove. It stands in `/run`, and so ends with the interface at a reboot.
 */

import * as z from 'zod'
import type { Files } from '../os/files.ts'

const Journal = z.object({
  network: z.string(),
  file: z.string(),
  pid: z.number(),
  /** Tells the process from a later one with the same number. */
  processStart: z.string().nullable(),
  /** Absent on a helper. */
  interface: z.string().optional(),
  /** W, by which the table of a relay is called. */
  listenPort: z.number().optional(),
  owner: z.string(),
  blockId: z.string(),
  /** The interface has its mark; before that, one without a mark may be ours, half made. */
  finished: z.boolean(),
})

export type Journal = z.output<typeof Journal>

export function readJournal(files: Files, path: string): Journal | null {
  const text = files.read(path)
  if (text === null) return null
  try {
    return Journal.parse(JSON.parse(text))
  } catch {
    // written in one rename, so this is another version's; nothing in it can be relied on
    return null
  }
}

export function writeJournal(files: Files, path: string, journal: Journal): void {
  files.write(path, `${JSON.stringify(journal)}\n`, { mode: 0o600 })
}

/** The journals of all networks of this network namespace. */
export function readJournals(files: Files, folder: string): Journal[] {
  return files
    .list(folder)
    .filter(name => name.endsWith('.json'))
    .sort()
    .flatMap(name => readJournal(files, `${folder}/${name}`) ?? [])
}
