import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../src/base/failure.ts'
import { createLogger } from '../../src/base/log.ts'
import { load, type Options, survey } from '../../src/daemon/prepare.ts'
import type { ActualLink } from '../../src/drivers/wireguard/interface.ts'
import { type MachineOptions, machineDouble } from '../machine-double.ts'

const sk = 'kLfotsCIfB/7OcDGeLenptfy2Dzav9wmVZjVQ0Gvnk0=' // 16 workbits
const pk = 'QlAUVENuHTaELuyeTaBDHu4iY5UKzBG5AMBR6Pv1Ulg'
const file = '/n/net.conf'
const conf = (more = '') => `name test\nsubnet 10.0.42.0/24\nworkbit 16\ntrust a.test ${pk}${more}\n`
const path = '/var/lib/wirehub/test/QlAUVENuHTaELuyeTaBDHu4iY5UKzBG5AMBR6Pv1Ulg.json'

const quiet = createLogger(() => {})
const link = (name: string, owner = '', addresses: string[] = []): ActualLink => ({
  name,
  owner,
  kind: '',
  up: true,
  mtu: 1420,
  addresses,
})

async function prepare(machine: MachineOptions, options: Partial<Options> = {}, links: ActualLink[] = []) {
  const os = machineDouble({ ...machine, files: { [file]: conf(), '/n/private.key': `${sk}\n`, ...machine.files } })
  const all = { file, ...options }
  return survey(
    os,
    links,
    load(os, all, () => quiet),
    all,
  )
}

/** Message, remedy and status of the refusal. */
async function refusal(...args: Parameters<typeof prepare>): Promise<string> {
  try {
    await prepare(...args)
  } catch (error) {
    assert.ok(error instanceof Failure, String(error))
    return [error.message, ...(error.remedy === undefined ? [] : [error.remedy]), `exit ${error.exit}`].join('\n')
  }
  throw new Error('was not refused')
}

test('a fresh machine: default key, default name, a random port that will be kept', async () => {
  const { choices, self, store, notes } = await prepare({ random: [23456] })
  assert.deepEqual(choices, { interfaceName: 'wh-test', listenPort: 23456, portGiven: false, ipv6: true })
  assert.equal(self?.hostname, 'a.test')
  assert.equal(store, path)
  assert.deepEqual(notes, [])
})

test('the port that was kept is used again', async () => {
  const { choices, store } = await prepare({ files: { [path]: '{"listenPort":22222}' } })
  assert.equal(choices.listenPort, 22222)
  assert.equal(store, undefined)
})

test('a kept port that is taken is replaced, aloud', async () => {
  const { choices, notes } = await prepare({
    files: { [path]: '{"listenPort":22222}' },
    portsTaken: [22222],
    random: [23456],
  })
  assert.equal(choices.listenPort, 23456)
  assert.deepEqual(notes, ['UDP port 22222, used until now, is taken by another program: using another one'])
})

test('garbage in the state is no port', async () => {
  for (const garbage of ['', '{', 'null', '{"listenPort":"x"}', '{"listenPort":70000}']) {
    assert.equal((await prepare({ files: { [path]: garbage }, random: [23456] })).choices.listenPort, 23456)
  }
})

test('the port of the own endpoint wins over the kept one, the command line over both', async () => {
  const files = { [file]: conf(' 192.0.2.1:4000'), [path]: '{"listenPort":22222}' }
  assert.equal((await prepare({ files })).choices.listenPort, 4000)
  const { choices, notes } = await prepare({ files }, { listenPort: 5000 })
  assert.equal(choices.listenPort, 5000)
  assert.deepEqual(notes, ['listen-port 5000 differs from the port 4000 that the file tells the others'])
})

test('a key in nobody’s file makes a helper', async () => {
  const { self, notes } = await prepare({ files: { [file]: 'name test\nworkbit 16\n' } })
  assert.equal(self, null)
  assert.deepEqual(notes, [`${pk} is not in /n/net.conf: running as a helper, without an interface`])
})

test('a name that is taken is passed over, one of ours is taken over', async () => {
  assert.equal((await prepare({}, {}, [link('wh-test')])).choices.interfaceName, 'wh-test-2')
  assert.equal((await prepare({ files: { '/var/run/wireguard/wh-test.sock': '' } })).choices.interfaceName, 'wh-test-2')
  const ours = [link('wh-test'), link('wh-other', 'wh test QlAUVENu')]
  assert.equal((await prepare({}, {}, ours)).choices.interfaceName, 'wh-other')
})

test('a long network name makes a short interface name', async () => {
  const files = { [file]: conf().replace('name test', 'name a-very-long-network-name') }
  assert.equal((await prepare({ files })).choices.interfaceName, 'wh-a-very-long-')
  assert.equal((await prepare({ files }, {}, [link('wh-a-very-long-')])).choices.interfaceName, 'wh-a-very-lon-2')
})

test('refused: no root', async () => {
  assert.equal(
    await refusal({ root: false }),
    'wh up needs root: it changes interfaces and names of this machine\nsudo wh …\nexit 3',
  )
})

test('refused: no wg', async () => {
  assert.equal(await refusal({ programs: ['ip', 'flock'] }), 'wg not installed\napt install wireguard-tools\nexit 1')
})

test('refused: no network file', async () => {
  assert.equal(await refusal({}, { file: '/n/none.conf' }), '/n/none.conf does not exist\nexit 1')
  assert.equal(
    await refusal({ files: { [file]: 'EACCES' } }),
    '/n/net.conf may not be read\nits owner or root can read it: see ls -l\nexit 1',
  )
  assert.equal(
    await refusal({ files: { [file]: 'EISDIR' } }),
    '/n/net.conf is a directory\nname the network file inside\nexit 1',
  )
})

test('refused: errors in the file, all of them', async () => {
  const said = await refusal({ files: { [file]: 'name test\nnonsense\ntrust a.test abc\n' } })
  assert.match(said, /^2 errors in \/n\/net\.conf\n/)
  assert.match(said, /net\.conf:2:1: error/)
  assert.match(said, /net\.conf:3:14: error/)
})

test('refused: no private key', async () => {
  const os = machineDouble({ files: { [file]: conf() } })
  assert.throws(
    () => load(os, { file }, () => quiet),
    (error: Failure) => {
      assert.equal(
        error.message,
        'no private key: /n/private.key does not exist, /etc/wirehub/private.key does not exist',
      )
      assert.match(error.remedy!, /^make one: \(umask 077; wh genkey workbit 16 > \/n\/private\.key\)$/m)
      return true
    },
  )
})

test('refused: a key that others can read', async () => {
  assert.equal(
    await refusal({ modes: { '/n/private.key': 0o640 } }),
    'others can read the private key /n/private.key (mode 0640)\nchmod 600 /n/private.key\nexit 1',
  )
})

test('refused: not a key', async () => {
  assert.match(
    await refusal({ files: { '/n/private.key': 'hello' } }),
    /^\/n\/private\.key is not a private key: 5 characters/,
  )
})

test('refused: too few workbits, with the command that makes a good key', async () => {
  const said = await refusal({ files: { [file]: conf().replace('16', '20') } })
  assert.match(said, /has 16 workbits, and the network test asks for 20\n/)
  assert.match(said, /wh genkey workbit 20 > \/n\/private\.key\.new/)
})

test('refused: interface names that Linux does not take, or that others have', async () => {
  assert.match(await refusal({}, { interface: 'wireguard-home-1' }), /has 16 characters; Linux allows 15/)
  assert.match(await refusal({}, { interface: 'a/b' }), /cannot be an interface name/)
  assert.match(await refusal({}, { interface: 'eth0' }, [link('eth0')]), /^interface eth0 exists and is not ours\n/)
  assert.match(await refusal({}, { interface: 'wh-x' }, [link('wh-x', 'wh home AAAA')]), /belongs to the network home/)
})

test('refused: a subnet that another interface has', async () => {
  assert.match(
    await refusal({}, {}, [link('eth0', '', ['10.0.42.7/24'])]),
    /^subnet 10\.0\.42\.0\/24 of test overlaps 10\.0\.42\.7\/24 on interface eth0\n/,
  )
  assert.match(await refusal({}, {}, [link('eth0', '', ['10.1.2.3/8'])]), /overlaps 10\.1\.2\.3\/8 on interface eth0/)
})

test('refused: a port that is taken', async () => {
  assert.match(
    await refusal({ portsTaken: [5000] }, { listenPort: 5000 }),
    /^UDP port 5000 is taken by another program\ngive another/,
  )
})

test('without IPv6 the network lives on IPv4, and one without IPv4 is refused', async () => {
  const off = { '/proc/sys/net/ipv6/conf/default/disable_ipv6': '1\n' }
  const { choices, notes } = await prepare({ files: off })
  assert.equal(choices.ipv6, false)
  assert.match(notes.join(), /IPv6 is switched off/)
  const files = { ...off, [file]: conf().replace('subnet 10.0.42.0/24\n', '') }
  assert.match(await refusal({ files }), /^the network has no subnet, and IPv6 is switched off/)
})
