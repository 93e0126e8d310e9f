/**
 * Node's cache of compiled JavaScript, which makes `wh` start sooner. Whoever writes there writes the code that we run, root
 * too: the folder is ours and closed to others, or there is no cache. Imported first, so it imports nothing of ours.
 */

import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

export function useCompileCache(): void {
  const folder = cacheFolder()
  if (closeFolder(folder)) {
    enableCompileCache(folder)
    // the daemon is a process of its own
    process.env.NODE_COMPILE_CACHE = folder
  } else {
    delete process.env.NODE_COMPILE_CACHE
    process.env.NODE_DISABLE_COMPILE_CACHE = '1'
  }
}

/** Never in /tmp, which is Node's choice. */
function cacheFolder(): string {
  if (process.geteuid?.() === 0) return '/var/cache/wirehub'
  const { XDG_CACHE_HOME } = process.env
  // the XDG specification: a path that is not absolute is to be ignored
  return join(XDG_CACHE_HOME?.startsWith('/') ? XDG_CACHE_HOME : join(homedir(), '.cache'), 'wirehub')
}

/** Makes the folder, or closes the one that is there to others. `false` where somebody else has, or may have, put code there. */
export function closeFolder(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    // Node's folders inside were made with the umask of whoever ran us
    const folders = [path, ...readdirSync(path).map(name => join(path, name))]
    if (!folders.every(isOursAlone)) return false
    if ((lstatSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700)
    return true
  } catch {
    return false
  }
}

function isOursAlone(path: string): boolean {
  const stat = lstatSync(path)
  return stat.isDirectory() && stat.uid === process.geteuid?.() && (stat.mode & 0o022) === 0
}
