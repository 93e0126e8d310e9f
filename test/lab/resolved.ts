/**
 * systemd-resolved in a lab host.
 *
 * Where the machine has none it is not installed, for its package would rewrite the machine's /etc/resolv.conf: the packages
 * are unpacked into the cache, and the host sees them laid over /usr. No systemd runs there, so D-Bus is started here too,
 * and allows everybody everything.
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { promisify } from 'node:util'
import type { Host } from './host.ts'
import type { Program } from './program.ts'

const exec = promisify(execFile)
const cache = `${process.env.XDG_CACHE_HOME ?? `${homedir()}/.cache`}/wh-lab`
const program = '/usr/lib/systemd/systemd-resolved'
// libraries too: systemd's programs want theirs in exactly their own version, and a bare machine lacks some that it needs
const packages = [
  'systemd-resolved',
  'libnss-resolve',
  'libsystemd-shared',
  'libip4tc2',
  'libkmod2',
  'libapparmor1',
  'libseccomp2',
]

const busConfig = `<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow receive_requested_reply="true"/>
    <allow send_requested_reply="true"/>
  </policy>
</busconfig>
`

const resolvedConfig = `[Resolve]
DNS=
FallbackDNS=
LLMNR=no
MulticastDNS=no
DNSSEC=no
`

export type Resolved = {
  readonly daemon: Program
  readonly bus: Program
}

/** Why resolved cannot be had here, for `test(…, { skip })`; false where it can. Fetches it if need be. */
export async function noResolved(): Promise<string | false> {
  try {
    await unpacked()
    await exec('dbus-daemon', ['--version'])
    return false
  } catch (error) {
    return `NO SYSTEMD-RESOLVED, NOT TESTED: ${(error as Error).message.trim().replaceAll('\n', ' | ')}`
  }
}

/**
 * Starts resolved in a host, with no server to ask, and leads /etc/resolv.conf to it. `nss` says how programs look names up:
 * over DNS at 127.0.0.53, or as `nss-resolve` does.
 */
export async function startResolved(host: Host, options: { nss?: 'dns' | 'resolve' } = {}): Promise<Resolved> {
  const layer = await unpacked()
  if (layer) await host.ok(['mount', '-t', 'overlay', '-o', `lowerdir=${layer}:/usr`, 'overlay', '/usr'])
  const hosts = options.nss === 'resolve' ? 'hosts: resolve [!UNAVAIL=return] files' : 'hosts: files dns'
  await host.writeFile('/run/dbus/lab.conf', busConfig)
  await host.writeFile('/etc/systemd/resolved.conf', resolvedConfig)
  await host.ok(['sh', '-ec', prepare, 'sh', hosts])

  const bus = host.spawn(['dbus-daemon', '--nofork', '--nopidfile', '--config-file=/run/dbus/lab.conf'])
  await host.until(['test', '-S', '/run/dbus/system_bus_socket'], it => it.code === 0)
  const daemon = host.spawn([program])
  const died = daemon.ended.then(it => Promise.reject(new Error(`systemd-resolved: status ${it.code}\n${it.err}`)))
  // a call that comes before the daemon would wait for the bus to start it
  await Promise.race([died, host.until(['timeout', '1', 'resolvectl', 'status'], it => it.code === 0)])
  died.catch(() => {}) // the caller's business from now on
  return { daemon, bus }
}

const prepare = `
mkdir -p /run/systemd
getent group systemd-resolve >/dev/null || echo systemd-resolve:x:991: >>/etc/group
getent passwd systemd-resolve >/dev/null || echo systemd-resolve:x:991:991::/:/usr/sbin/nologin >>/etc/passwd
sed -i "s/^hosts:.*/$1/" /etc/nsswitch.conf
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf`

/** The folder to lay over /usr; undefined where the machine has resolved itself. */
async function unpacked(): Promise<string | undefined> {
  if (existsSync(program)) return undefined
  const tree = `${cache}/resolved-${packages.length}`
  const layer = `${tree}/usr`
  if (existsSync(layer)) return layer
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(`${cache}/resolved.`)
  try {
    await exec('apt-get', ['-q', '-o', 'APT::Sandbox::User=', 'download', ...packages], { cwd: work })
    for (const file of await readdir(work)) {
      if (file.endsWith('.deb')) await exec('dpkg-deb', ['-x', file, 'root'], { cwd: work })
    }
    // /lib is a link to /usr/lib on the machine, and a folder in the package
    await cp(`${work}/root/lib`, `${work}/root/usr/lib`, { recursive: true })
    await rename(`${work}/root`, tree).catch(error => {
      if (!existsSync(layer)) throw error // else somebody was faster
    })
    return layer
  } finally {
    await rm(work, { recursive: true })
  }
}
