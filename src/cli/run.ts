/**
 * From the words of the command line to a command. `wh` alone shows what runs, as `wg` does.
 */

import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { handle, run } from '@oclif/core'
import { exit } from '../base/failure.ts'
import { entry, root } from '../os/program.ts'
import { nearest } from '../protocol/network/problem.ts'
import { watchOutput } from './output.ts'

const folder = fileURLToPath(root)
const pjson = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
pjson.oclif.commands.target = `./${relative(folder, fileURLToPath(entry('cli/index')))}`

const argv = process.argv.slice(2)
// people type `wh help up`, and `wh up help` worked in WireHub
if (argv[0] === 'help') argv.splice(0, 2, ...argv.slice(1, 2), '--help')
if (argv[1] === 'help') argv.splice(1, 1, '--help')

watchOutput()
try {
  // there are no plugins, and none of those that a home folder names: with sudo it may be another's
  await run(argv.length === 0 ? ['show'] : argv, { root: folder, pjson, userPlugins: false })
} catch (error) {
  const unknown = /^command (.+) not found$/.exec((error as Error).message)?.[1]
  if (unknown === undefined) {
    await handle(error as Error)
  } else {
    const { commands } = await import('./index.ts')
    const meant = nearest(unknown, Object.keys(commands))
    const hint = meant ? `; did you mean ${meant}?` : ''
    process.stderr.write(`wh: there is no command ${JSON.stringify(unknown)}${hint}\n  wh --help lists the commands\n`)
    process.exitCode = exit.usage
  }
}
