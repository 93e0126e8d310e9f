/** Files: whole ones, written so that a crash or a full disk leaves the old or the new content. */

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

export type FileInfo = {
  readonly regular: boolean
  readonly folder: boolean
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly id: string
}

/** `latin1` keeps every byte of a file that may hold anything, one character a byte. */
export type Encoding = 'utf8' | 'latin1'

/** Ends the name of a file that is being written, beside the one it will replace. */
const unfinished = '.wh-new'

export interface Files {
  /** The content, or `null` where there is no such file. Other refusals are thrown, with `code`. */
  read(path: string, encoding?: Encoding): string | null
  /** A file that a person gave, pipes too. Never more than `limit` bytes (`EFBIG`), and nothing but UTF-8 (`EILSEQ`, `line N`). */
  readText(path: string, limit: number): string
  /**
   * Replaces the content, keeping mode and owner; of a symbolic link the file it leads to. Beside it and renamed, or in place where
   * renaming is refused (a bind mount: `EBUSY`).
   */
  write(path: string, text: string, options?: { mode?: number; encoding?: Encoding }): void
  /** Writes a file that must not exist yet (`EEXIST`). */
  create(path: string, text: string, mode: number): void
  /** Adds to the end of a file which only we may read, and is back when it is on the disk. */
  append(path: string, text: string, encoding?: Encoding): void
  /** A function that adds to the end of a file which only we may read; a file larger than `limit` bytes starts anew. */
  appender(path: string, limit: number): (text: string) => void
  /** Removes a file, and what a killed process left of writing it. */
  remove(path: string): void
  /** Removes only what a killed process left of writing a file. */
  removeUnfinished(path: string): void
  /** Removes a folder if nothing is in it. */
  removeFolder(path: string): void
  /** Makes a folder, and those above it, where they are not there yet. */
  folder(path: string, mode: number): void
  list(path: string): string[]
  info(path: string): FileInfo | null
  /** Where a symbolic link leads, or `null`. */
  link(path: string): string | null
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const coded = (code: string, message: string) => Object.assign(new Error(message), { code })
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
function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at)
}

/** The line of the first byte that is not UTF-8. */
function badLine(bytes: Buffer): number {
  return bytes.toString('utf8').split('\ufffd')[0]!.split('\n').length
}

function info(path: string): FileInfo | null {
  const stat = unlessAbsent(() => statSync(path))
  return (
    stat && {
      regular: stat.isFile(),
      folder: stat.isDirectory(),
      size: stat.size,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      id: `${stat.dev}:${stat.ino}`,
    }
  )
}

/** In place. Where the disk is full, the old content is put back. */
function overwrite(path: string, bytes: Buffer): void {
  const before = readFileSync(path)
  const fd = openSync(path, 'r+')
  try {
    try {
      writeAll(fd, bytes)
    } catch (error) {
      writeSync(fd, before, 0, before.length, 0)
      ftruncateSync(fd, before.length)
      throw error
    }
    ftruncateSync(fd, bytes.length)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

export const systemFiles: Files = {
  info,
  read: (path, encoding = 'utf8') => unlessAbsent(() => readFileSync(path, encoding)),

  readText(path, limit) {
    const fd = openSync(path, 'r')
    const bytes = Buffer.allocUnsafe(limit + 1)
    let length = 0
    try {
      for (let read = -1; read !== 0 && length <= limit; length += read) {
        read = readSync(fd, bytes, length, limit + 1 - length, null)
      }
      if (length > limit) throw coded('EFBIG', `larger than ${limit} bytes`)
      return utf8.decode(bytes.subarray(0, length))
    } catch (error) {
      throw codeOf(error) === 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? coded('EILSEQ', `line ${badLine(bytes.subarray(0, length))}`)
        : error
    } finally {
      closeSync(fd)
    }
  },

  write(path, text, { mode, encoding = 'utf8' } = {}) {
    const bytes = Buffer.from(text, encoding)
    // only a link is followed: /proc/1/root/… is another's view of the files, and its real path would be our own
    const target = this.link(path) === null ? path : realpathSync(path)
    const old = info(target)
    const beside = `${target}${unfinished}`
    this.removeUnfinished(target)
    try {
      const fd = openSync(beside, 'wx', 0o600)
      try {
        writeAll(fd, bytes)
        fchmodSync(fd, mode ?? old?.mode ?? 0o644)
        if (old && (old.uid !== process.geteuid?.() || old.gid !== process.getegid?.()))
          fchownSync(fd, old.uid, old.gid)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      renameSync(beside, target)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') rmSync(beside, { force: true })
      // a full disk has room for less than there was
      const shrinks = old !== null && bytes.length <= old.size && codeOf(error) === 'ENOSPC'
      // EBUSY: a bind mount, as /etc/hosts is in containers and under `ip netns exec`; EROFS, EACCES: its folder is not ours
      if (shrinks || (old && ['EBUSY', 'EROFS', 'EACCES', 'EXDEV'].includes(codeOf(error) ?? ''))) {
        return overwrite(target, bytes)
      }
      throw error
    }
  },

  create(path, text, mode) {
    const fd = openSync(path, 'wx', mode)
    try {
      writeAll(fd, Buffer.from(text))
    } catch (error) {
      rmSync(path)
      throw error
    } finally {
      closeSync(fd)
    }
  },

  append(path, text, encoding = 'utf8') {
    const fd = openSync(path, 'a', 0o600)
    try {
      writeAll(fd, Buffer.from(text, encoding))
      fsyncSync(fd)
    } finally {
      closeSync(fd)
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

  remove(path) {
    this.removeUnfinished(path)
    rmSync(path, { force: true })
  },

  removeUnfinished: path => rmSync(`${path}${unfinished}`, { force: true }),

  removeFolder(path) {
    try {
      rmdirSync(path)
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(codeOf(error) ?? '')) throw error
    }
  },

  folder: (path, mode) => void mkdirSync(path, { recursive: true, mode }),
  list: path => unlessAbsent(() => readdirSync(path)) ?? [],
  link(path) {
    try {
      return readlinkSync(path)
    } catch {
      return null
    }
  },
}
