/**
 * The entry of the command line, and no more than what must come before everything else: the cache of compiled code, and the daemon
 * of `wh up`, which is a process of its own and loads while this one reads the command line.
 */

import { useCompileCache } from './compile-cache.ts'
import { launchEarly } from './launch.ts'

useCompileCache()
if (process.argv[2] === 'up') launchEarly(process.argv.slice(3))
await import('./run.ts')
