// Bundles src/ and the packages it uses into dist/, which starts several times as fast as the sources: fewer files to find and
// read, no types to strip. bin/wh runs the bundle only where the sums in dist/sources say that it was made of just these sources.

import { createHash } from 'node:crypto'
import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

process.chdir(join(import.meta.dirname, '..'))

/** What a process or a thread starts with: src/os/program.ts. */
const entries = ['cli/main', 'cli/index', 'daemon/main', 'drivers/keysearch/worker', 'sim/worker']

/** Packages with a compiled part, which they look for beside themselves. */
const native = ['pcap', 'koffi', 'classic-level', '@ipshipyard/node-datachannel', 'node-datachannel']

/**
 * An `import` of one of Node's modules reads all that it exports, also what loads more only when it is read: with node:http comes
 * all of fetch and WebSocket, 20 ms and 10 MB. So each is got as `require` would get it.
 */
const builtins = {
  name: 'builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(node:.*|${builtinModules.join('|')})$`) }, ({ path }) => ({
      path,
      namespace: 'node',
    }))
    onLoad({ filter: /./, namespace: 'node' }, ({ path }) => ({
      contents: `module.exports = globalThis.process.getBuiltinModule(${JSON.stringify(path)})`,
    }))
  },
}

// before anything is bundled: who edits meanwhile has sources that differ from these
const sources = [...globSync('src/**/*.ts'), 'package.json', 'node_modules/.package-lock.json', 'bin/bundle.js']
const sums = sources.sort().map(path => `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${path}\n`)

const { outputFiles } = await build({
  entryPoints: entries.map(name => `src/${name}.ts`),
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunk/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: native,
  plugins: [builtins],
  // packages in the older form of modules, which ask for others when they run
  banner: { js: `const require = globalThis.process.getBuiltinModule('node:module').createRequire(import.meta.url)` },
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
})

// the sums go first and come last, and a chunk is there before who imports it: no half of a bundle is ever run
rmSync('dist/sources', { force: true })
const isEntry = path => entries.includes(relative('dist', path).replace(/\.js$/, ''))
for (const { path, contents } of outputFiles.sort((a, b) => isEntry(a.path) - isEntry(b.path))) put(path, contents)
const made = new Set(outputFiles.map(({ path }) => relative('.', path)))
for (const path of globSync('dist/**/*', { withFileTypes: false })) {
  if (/\.\w+$/.test(basename(path)) && !made.has(path)) rmSync(path)
}
put('dist/sources', sums.join(''))

function put(path, contents) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.new`, contents)
  renameSync(`${path}.new`, path)
}
