/**
 * The statements of a network on disk, in the order in which they came: each behind its length, two bytes, big-endian. New ones are added at
 * the end; a killed process or a full disk leaves half of one there, which the next start cuts off.
 */

import { dirname } from 'node:path'
import { exit, Failure } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { RollStore } from '../node/membership/registrar.ts'
import type { Files } from '../os/files.ts'

const lengthBytes = 2

export function statementStore(files: Files, path: string, log: Logger): RollStore {
  /** The last addition has failed, and may have left a part of it. */
  let isTorn = false
  const store: RollStore = {
    load() {
      const text = readOwn(files, path)
      if (text === null) return null
      const { statements, whole } = read(Buffer.from(text, 'latin1'))
      if (whole < text.length) {
        log.warn('the end of the statements on disk is half written, and cut off', { bytes: text.length - whole })
        files.write(path, text.slice(0, whole), { mode: 0o600, encoding: 'latin1' })
      }
      return statements.length === 0 ? null : statements
    },
    append(statements) {
      if (isTorn) store.load()
      isTorn = true
      files.folder(dirname(path), 0o700)
      files.append(path, Buffer.concat(statements.map(record)).toString('latin1'), 'latin1')
      isTorn = false
    },
  }
  return store
}

function readOwn(files: Files, path: string): string | null {
  try {
    return files.read(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    throw new Failure(`who belongs to the network stands in ${path}, which only root can read`, {
      exit: exit.permission,
    })
  }
}

function record(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function read(file: Buffer): { statements: Uint8Array[]; whole: number } {
  const statements: Uint8Array[] = []
  let at = 0
  while (at + lengthBytes <= file.length) {
    const end = at + lengthBytes + file.readUInt16BE(at)
    if (end > file.length) break
    statements.push(Uint8Array.from(file.subarray(at + lengthBytes, end)))
    at = end
  }
  return { statements, whole: at }
}
