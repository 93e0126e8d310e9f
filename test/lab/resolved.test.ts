import assert from 'node:assert/strict'
import { lstatSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createLab, type Host, noLab } from './lab.ts'
import { noResolved, startResolved } from './resolved.ts'

const options = { skip: noLab || (await noResolved()), timeout: 60_000 }

/** What `wh up` will do: a link with addresses, its own name server, and its own domain. */
async function privateNetwork(host: Host): Promise<void> {
  // not of type dummy, which not every kernel has
  const lines = ['link add dev private type veth peer name other', 'link set dev other up', 'link set dev private up']
  await host.ip([...lines, 'address add 10.9.9.1/24 dev private'])
  await host
    .spawn([process.execPath, `${import.meta.dirname}/nameserver.ts`, '10.9.9.1', 'b.test=10.9.9.2'])
    .says(/ready/)
  await host.ok(['resolvectl', 'dns', 'private', '10.9.9.1'])
  await host.ok(['resolvectl', 'domain', 'private', '~test'])
  await host.ok(['resolvectl', 'default-route', 'private', 'no'])
}

for (const nss of ['dns', 'resolve'] as const) {
  test(`resolved asks a link's own server for the link's domain (programs ask over ${nss})`, options, async () => {
    await using lab = await createLab()
    const host = await lab.host('a')
    await startResolved(host, { nss })
    assert.notEqual((await host.run(['getent', 'ahostsv4', 'b.test'])).code, 0)
    await privateNetwork(host)
    assert.match(await host.ok(['getent', 'ahostsv4', 'b.test']), /^10\.9\.9\.2 /)
    assert.notEqual((await host.run(['getent', 'hosts', 'c.test'])).code, 0)
    assert.match(await host.ok(['resolvectl', 'query', 'b.test']), /10\.9\.9\.2 .*link: private/)
  })
}

test('the settings vanish with the link, and with the daemon the machine keeps no trace', options, async () => {
  await using lab = await createLab()
  const before = [lstatSync('/etc/resolv.conf').mtimeMs, readFileSync('/etc/passwd', 'utf8')]
  const host = await lab.host('a')
  const { daemon } = await startResolved(host)
  await privateNetwork(host)
  await host.ip(['link delete dev private'])
  await host.until(['resolvectl', 'domain'], it => !it.out.includes('test'))
  daemon.kill()
  assert.equal((await daemon.ended).code, 0)
  assert.deepEqual([lstatSync('/etc/resolv.conf').mtimeMs, readFileSync('/etc/passwd', 'utf8')], before)
})
