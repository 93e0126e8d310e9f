/**
 * The program's own files. From source each module is a file under `src/`; the bundle (`bin/bundle.js`) is a few files under `dist/`.
 * What a process or a thread starts with, its entry, is a file in both.
 */

/** The bundle has this module in `dist/chunk/`, as far below the root as `src/os/`. */
export const root = new URL('../..', import.meta.url)

const bundled = !import.meta.url.endsWith('.ts')

/** The file of an entry, such as `daemon/main`. */
export function entry(name: string): URL {
  return new URL(bundled ? `dist/${name}.js` : `src/${name}.ts`, root)
}
