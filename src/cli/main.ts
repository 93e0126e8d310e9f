/**
 * The entry of the command line. `wh` alone shows what runs, as `wg` does.
 */

import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'

// never in /tmp, Node's choice: whoever else writes there would write the code that root runs
const cache =
  process.geteuid?.() === 0 ? '/var/cache/wirehub' : `${process.env.XDG_CACHE_HOME ?? `${homedir()}/.cache`}/wirehub`
enableCompileCache(cache)
process.env.NODE_COMPILE_CACHE = cache

const { flush, handle, run } = await import('@oclif/core')
const { exit } = await import('../base/failure.ts')
const { nearest } = await import('../protocol/network/problem.ts')
const root = fileURLToPath(new URL('../..', import.meta.url))
const pjson = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
pjson.oclif.commands.target = `./${import.meta.url.endsWith('.ts') ? 'src/cli/index.ts' : 'dist/cli/index.js'}`

const argv = process.argv.slice(2)
// people type `wh help up`, and `wh up help` worked in WireHub
if (argv[0] === 'help') argv.splice(0, 2, ...argv.slice(1, 2), '--help')
if (argv[1] === 'help') argv.splice(1, 1, '--help')

// a reader that closes the pipe early (`wh show | head -1`) is no error
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await run(argv.length === 0 ? ['show'] : argv, { root, pjson })
  await flush()
} catch (error) {
  const unknown = /^command (.+) not found$/.exec((error as Error).message)?.[1]
  if (unknown === undefined) await handle(error as Error)
  const { commands } = await import('./index.ts')
  const meant = nearest(unknown!, Object.keys(commands))
  process.stderr.write(`wh: there is no command ${JSON.stringify(unknown)}${meant ? `; did you mean ${meant}?` : ''}\n`)
  process.stderr.write('  wh --help lists the commands\n')
  process.exitCode = exit.usage
}
