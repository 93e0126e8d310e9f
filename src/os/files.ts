/** Files: whole ones, written so that a crash or a full disk leaves the old or the new content. */

import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

export type FileInfo = { readonly mode: number; readonly uid: number; readonly gid: number; readonly id: string }

export interface Files {
  /** The content, or `null` where there is no such file. Other refusals are thrown, with `code`. */
  read(path: string): string | null
  /** Replaces the content: beside it and renamed, or in place where renaming is refused (a bind mount: EBUSY). */
  write(path: string, text: string, mode?: number): void
  /** A function that adds to the end of a file which only we may read; a file larger than `limit` bytes starts anew. */
  appender(path: string, limit: number): (text: string) => void
  remove(path: string): void
  /** Makes a folder, and those above it. */
  folder(path: string, mode: number): void
  list(path: string): string[]
  info(path: string): FileInfo | null
  /** Where a symbolic link leads, or `null`. */
  link(path: string): string | null
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

/** `null` where the file or a folder above it does not exist. */
function unlessAbsent<T>(call: () => T): T | null {
  try {
    return call()
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
    throw error
  }
}

/** Writes all of it or throws; `write(2)` may take less than it was given, as on a disk that is nearly full. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at)
}

function info(path: string): FileInfo | null {
  const stat = unlessAbsent(() => statSync(path))
  return stat && { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, id: `${stat.dev}:${stat.ino}` }
}

/** In place: the new tail is written first where the file grows, so that a full disk is noticed before anything is lost. */
function overwrite(path: string, text: string): void {
  const before = readFileSync(path)
  const fd = openSync(path, 'r+')
  try {
    try {
      writeAll(fd, text)
    } catch (error) {
      writeSync(fd, before, 0, before.length, 0)
      ftruncateSync(fd, before.length)
      throw error
    }
    ftruncateSync(fd, Buffer.byteLength(text))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

export const systemFiles: Files = {
  info,
  read: path => unlessAbsent(() => readFileSync(path, 'utf8')),

  write(path, text, mode) {
    const old = info(path)
    const beside = `${path}.wh-${process.pid}`
    try {
      const fd = openSync(beside, 'wx', 0o600)
      try {
        writeAll(fd, text)
        chmodSync(beside, mode ?? old?.mode ?? 0o644)
        if (old) chownSync(beside, old.uid, old.gid)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      renameSync(beside, path)
    } catch (error) {
      rmSync(beside, { force: true })
      // EBUSY: a bind mount, as /etc/hosts is in containers and under `ip netns exec`; EROFS, EACCES: its folder is not ours
      if (old && ['EBUSY', 'EROFS', 'EACCES', 'EXDEV'].includes(codeOf(error) ?? '')) return overwrite(path, text)
      throw error
    }
  },

  appender(path, limit) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const fd = openSync(path, 'a', 0o600)
    if (fstatSync(fd).size > limit) ftruncateSync(fd)
    return text => {
      try {
        writeSync(fd, text)
      } catch {
        // a full disk must not end the daemon
      }
    }
  },

  remove: path => rmSync(path, { force: true }),
  folder(path, mode) {
    mkdirSync(dirname(path), { recursive: true })
    try {
      mkdirSync(path, { mode })
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
  },
  list: path => unlessAbsent(() => readdirSync(path)) ?? [],
  link(path) {
    try {
      return readlinkSync(path)
    } catch {
      return null
    }
  },
}
