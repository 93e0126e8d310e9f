// A machine that exists in memory: the one double, at the edge of the operating system. Files are a map, programs are answered by the
// test, and what was run is written down.

import type { Address, Endpoint } from '../src/base/ip.ts'
import { systemCrypto } from '../src/os/crypto.ts'
import type { FileInfo } from '../src/os/files.ts'
import type { Os } from '../src/os/index.ts'
import type { Result } from '../src/os/run.ts'

export type MachineOptions = {
  files?: Record<string, string>
  modes?: Record<string, number>
  links?: Record<string, string>
  root?: boolean
  programs?: string[]
  namespace?: { id: string; name: string | null } | null
  portsTaken?: number[]
  run?: (argv: readonly string[], input?: string) => Partial<Result> | undefined
  /** Error codes for writing a path. */
  writeErrors?: Record<string, string>
  random?: number[]
}

export type MachineDouble = Os & { ran: string[]; at: Map<string, string> }

const coded = (code: string) => Object.assign(new Error(`${code}: made by the test`), { code })

export function machineDouble(options: MachineOptions = {}): MachineDouble {
  const at = new Map(Object.entries({ '/proc/sys/net/ipv6/conf/default/disable_ipv6': '0\n', ...options.files }))
  const ran: string[] = []
  const random = [...(options.random ?? [])]
  return {
    at,
    ran,
    clock: { now: () => 0, wall: () => 1_800_000_000_000, at: () => ({ cancel() {} }) },
    random: { bytes: count => new Uint8Array(count), int: min => random.shift() ?? min },
    crypto: systemCrypto,
    programs: {
      find: name => ((options.programs ?? ['ip', 'wg', 'flock']).includes(name) ? `/usr/bin/${name}` : null),
      async run(argv, { input } = {}) {
        ran.push(argv.join(' '))
        return { code: 0, out: '', err: '', ...options.run?.(argv, input) }
      },
      start: (argv, { onError }) => {
        ran.push(argv.join(' '))
        onError?.(`${argv[0]}: not in the double`)
        return { write() {}, stop: async () => {}, ended: Promise.resolve(127) }
      },
    },
    files: {
      read(path) {
        const text = at.get(path)
        if (text === 'EACCES' || text === 'EISDIR') throw coded(text)
        return text ?? null
      },
      readText(path) {
        const text = this.read(path)
        if (text === null) throw coded('ENOENT')
        return text
      },
      create: (path, text) => void at.set(path, text),
      write(path, text) {
        const code = options.writeErrors?.[path]
        if (code) throw coded(code)
        at.set(path, text)
      },
      append: (path, text) => void at.set(path, (at.get(path) ?? '') + text),
      appender: () => () => {},
      remove: path => void at.delete(path),
      removeFolder() {},
      removeUnfinished() {},
      folder() {},
      list: path => [...at.keys()].filter(name => name.startsWith(`${path}/`)).map(name => name.slice(path.length + 1)),
      info: (path): FileInfo | null =>
        at.has(path)
          ? {
              regular: true,
              folder: false,
              size: at.get(path)!.length,
              mode: options.modes?.[path] ?? 0o600,
              uid: 0,
              gid: 0,
              id: path,
            }
          : null,
      link: path => options.links?.[path] ?? null,
    },
    sleep: { watch: () => ({ close() {} }) },
    source: async () => null,
    udp: {
      async bind(_address: Address, port: number, _receive: (bytes: Uint8Array, from: Endpoint) => void) {
        if (options.portsTaken?.includes(port)) throw coded('EADDRINUSE')
        return { port: port || 40_000, send() {}, close() {} }
      },
    },
    capture: { open: () => Promise.reject(new Error('no capture in the double')) },
    raw: { open: () => Promise.reject(new Error('no raw sockets in the double')) },
    multicast: { open: async () => ({ join() {}, send() {}, close() {} }) },
    links: { addresses: () => [], watch: () => ({ close() {} }) },
    tcp: { listen: async () => ({ close() {} }) },
    web: { ask: async () => null },
    routes: { gateways: () => [] },
    http: {
      listen: async () => ({ close: async () => {} }),
      listening: async () => true,
      ask: async () => ({ status: 200, body: '{}' }),
    },
    locks: { acquire: async () => ({ release() {} }) },
    lookup: { addresses: async () => [], fromServers: async () => [] },
    machine: {
      isRoot: () => options.root ?? true,
      namespace: () => options.namespace ?? null,
      processStart: () => '1',
      signal() {},
    },
  }
}
