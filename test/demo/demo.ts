/**
 * The main job, told as a story: three machines with nothing but keys and one file find one another through a boot node, and again when
 * it is dead; a fourth joins. The machines are network namespaces on this one; the commands are those that a person types, and
 * what is shown is what they print.
 */

import { join } from 'node:path'
import { styleText } from 'node:util'
import { createLab, type Host, noLab } from '../lab/lab.ts'

const bin = join(import.meta.dirname, '../../bin')
const folder = '/etc/wirehub'
const env = { PATH: `${bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` }

/** Where the machines are on their common switch: the internet, in this story. */
const underlay = { r: '192.0.2.9', a: '192.0.2.1', b: '192.0.2.2', c: '192.0.2.3', d: '192.0.2.4' }
type Name = keyof typeof underlay

const say = (text: string) => console.log(`\n${styleText('bold', text)}`)

/** Runs what a person types in a shell on a host, and shows it with what it prints. */
async function type(host: Host, command: string): Promise<string> {
  console.log(`${styleText('cyan', `${host.name}#`)} ${command}`)
  const { code, out, err } = await host.run(['sh', '-c', command], { env, cwd: folder, timeout: 60_000 })
  const shown = `${err}${out}`.trimEnd()
  if (shown !== '') console.log(shown.replace(/^/gm, '   '))
  if (code !== 0) throw new Error(`on ${host.name}, ${command} ended with status ${code}`)
  return out
}

export async function demo(): Promise<void> {
  const began = performance.now()
  await using lab = await createLab()
  const internet = await lab.switch('internet')
  const keys = new Map<Name, string>()

  async function machine(name: Name): Promise<Host> {
    const host = await lab.host(name)
    await lab.link(host, internet, { addresses: [`${underlay[name]}/24`] })
    await host.ok(['mkdir', '-p', folder])
    return host
  }
  async function makeKey(host: Host): Promise<void> {
    await type(host, 'umask 077; wh genkey workbit 16 > private.key')
    keys.set(host.name as Name, (await type(host, 'wh pubkey < private.key')).trim())
  }
  const member = (name: Name) => `trust ${name}.test ${keys.get(name)}`
  /** What a person does who waits for a name to answer. */
  const pings = (host: Host, name: string) =>
    type(host, `until ping -c 1 -W 1 -q ${name} >/dev/null; do :; done; ping -c 1 ${name} | head -2`)

  say(
    'Three machines that nobody knows, and one with a known address. Each makes a key: about 65 000 tries for 16 bits of work.',
  )
  const [r, a, b, c] = (await Promise.all((['r', 'a', 'b', 'c'] as const).map(machine))) as [Host, Host, Host, Host]
  const hosts = [a, b, c]
  for (const host of [r, ...hosts]) await makeKey(host)

  say('One file says who belongs to the network. It has no endpoint but that of the boot node, which is no member.')
  const file = [
    'name test',
    'subnet 10.0.42.0/24',
    'workbit 16',
    `boot ${keys.get('r')} ${underlay.r}:51820`,
    ...(['a', 'b', 'c'] as const).map(member),
    '',
  ].join('\n')
  for (const host of [r, ...hosts]) await host.writeFile(`${folder}/net.conf`, file)
  await type(a, 'cat net.conf')
  await type(a, 'wh check net.conf')

  say('Each brings the network up.')
  for (const host of [r, ...hosts]) await type(host, 'wh up ./net.conf')

  say('They find one another, and talk by name through WireGuard.')
  await pings(a, 'b.test')
  await pings(b, 'c.test')
  await type(c, 'getent hosts 10.0.42.2')
  await type(a, 'wh lookup b.test')
  await type(a, 'wh show')

  say('The boot node dies, and all members are restarted together. They remember one another.')
  await r.kill()
  for (const host of hosts) await type(host, 'wh down')
  await Promise.all(hosts.map(host => type(host, 'wh up ./net.conf')))
  await pings(a, 'b.test')
  await pings(b, 'c.test')
  await pings(c, 'a.test')

  say('A fourth machine: a key, one more line in the file, a reload. A ping that runs meanwhile loses nothing.')
  const d = await machine('d')
  await makeKey(d)
  const running = a.spawn(['ping', '-i', '0.05', '-c', '60', '-q', 'b.test'], { env })
  console.log(`${styleText('cyan', 'a#')} ping -i 0.05 -c 60 -q b.test &`)
  await d.writeFile(`${folder}/net.conf`, `${file}${member('d')}\n`)
  for (const host of hosts) {
    await type(host, `echo '${member('d')}' >> net.conf`)
    await type(host, 'wh reload')
  }
  await type(d, 'wh up ./net.conf')
  await pings(d, 'a.test')
  await pings(b, 'd.test')
  const { out } = await running.ended
  console.log(out.trim().replace(/^/gm, '   '))
  if (!out.includes(' 0% packet loss')) throw new Error('the running ping lost packets')

  say('And down again. Nothing is left.')
  for (const host of [...hosts, d]) await type(host, 'wh down')
  await type(a, 'ip -brief link; nft list tables; cat /etc/hosts; ls /run/wirehub')

  say(`That was all, in ${((performance.now() - began) / 1000).toFixed(0)} seconds. This machine is as it was.`)
}

if (noLab) {
  console.error(`wh demo: ${noLab}`)
  process.exit(1)
}
await demo()
