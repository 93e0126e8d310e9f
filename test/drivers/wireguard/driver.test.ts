import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../../src/base/log.ts'
import { createWireguardDriver } from '../../../src/drivers/wireguard/driver.ts'
import type { WantedInterface } from '../../../src/drivers/wireguard/interface.ts'
import { type PublicKey, readPrivateKey, toWgForm } from '../../../src/protocol/identity/key.ts'
import { type MachineOptions, machineDouble } from '../../machine-double.ts'

const wanted: WantedInterface = {
  name: 'wh-test',
  owner: 'wh test QlAUVENu',
  privateKey: readPrivateKey('kLfotsCIfB/7OcDGeLenptfy2Dzav9wmVZjVQ0Gvnk0=').ok!,
  listenPort: 20000,
  mtu: 1420,
  addresses: ['10.0.42.1/24'],
  peers: [],
}
const link = JSON.stringify([{ ifname: 'wh-test', flags: [], mtu: 1420, addr_info: [] }])

function on(options: MachineOptions) {
  const os = machineDouble({ programs: ['ip', 'wg', 'wireguard-go'], ...options })
  const shown: string[] = []
  const driver = createWireguardDriver(
    os,
    createLogger(() => {}),
    step => shown.push(step.argv.join(' ')),
  )
  return { os, shown, driver }
}

test('the kernel first', async () => {
  const { driver, shown } = on({})
  assert.equal(await driver.create(wanted), 'kernel')
  assert.deepEqual(shown, ['ip link add dev wh-test type wireguard'])
})

for (const said of [
  'Error: Unknown device type.',
  'RTNETLINK answers: Operation not supported',
  'RTNETLINK answers: Operation not permitted',
]) {
  test(`wireguard-go where ip says ${said}`, async () => {
    const { driver, shown } = on({ run: argv => (argv[1] === 'link' ? { code: 2, err: said } : undefined) })
    assert.equal(await driver.create(wanted), 'wireguard-go')
    assert.deepEqual(shown, ['ip link add dev wh-test type wireguard', 'wireguard-go wh-test'])
  })
}

test('another refusal of the kernel is told with the command and its words', async () => {
  const { driver } = on({ run: () => ({ code: 2, err: 'RTNETLINK answers: File exists\n' }) })
  await assert.rejects(driver.create(wanted), {
    message: '[#] ip link add dev wh-test type wireguard\nRTNETLINK answers: File exists',
  })
})

test('without wireguard-go the remedy is told', async () => {
  const { driver } = on({ programs: ['ip', 'wg'], run: () => ({ code: 2, err: 'Unknown device type' }) })
  await assert.rejects(driver.create(wanted), { remedy: /^apt install wireguard-go/ })
})

test('a failed step tells the command, and never the key', async () => {
  const { driver } = on({
    run: argv =>
      argv[0] === 'ip' ? { out: link } : { code: argv[1] === 'addconf' ? 1 : 0, err: 'Unable to modify interface' },
  })
  await assert.rejects(driver.apply(wanted, await driver.read(wanted.name), new Map(), 0), (error: Error) => {
    assert.equal(error.message, '[#] wg addconf wh-test /dev/stdin\nUnable to modify interface')
    return true
  })
})

test('an interface that is gone is said to be gone', async () => {
  const { driver } = on({ run: () => ({ code: 1 }) })
  await assert.rejects(driver.apply(wanted, await driver.read(wanted.name), new Map(), 0), {
    message: 'interface wh-test is gone',
  })
})

const key = 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4' as PublicKey
const dump = `x\tx\t20000\toff\nKJ7YGrBeqLLm/JJ1huIS26OnqAVFy57z5UJqjyMagW4=\t(none)\t127.0.0.1:4\t10.0.42.2/32\t0\t0\t0\toff\n`

test('a peer whose packets wait for a session is not made anew', async () => {
  const { driver, shown, os } = on({ run: argv => (argv[1] === 'show' ? { out: dump } : undefined) })
  const peer = { key, allowedIps: ['10.0.42.2/32'], endpoint: { host: '192.0.2.2', port: 7 }, keepalive: 0 }
  const [at, set] = [`wg set wh-test peer ${toWgForm(key)}`, 'endpoint 192.0.2.2:7 persistent-keepalive off']
  await driver.setEndpoint('wh-test', peer, true, 0, { keepQueue: true })
  assert.deepEqual(shown.splice(0), [`${at} ${set}`])
  assert.equal(os.ran.length, 1, 'and nothing else is asked')
  await driver.setEndpoint('wh-test', peer, true, 0)
  assert.match(shown.splice(0).join(), / remove peer /)
  await driver.setKeepalive('wh-test', key, 25)
  assert.deepEqual(shown, [`${at} persistent-keepalive 25`])
})

test('a handshake begins anew only where there is no session, and nothing has come meanwhile', async () => {
  const of = (handshake: number, received: number) =>
    dump.replace('127.0.0.1:4', '192.0.2.2:7').replace('\t0\t0\t0\t', `\t${handshake}\t${received}\t0\t`)
  let out = of(0, 148)
  const { driver, shown } = on({ run: argv => (argv[1] === 'show' ? { out } : undefined) })
  const peer = { key, allowedIps: ['10.0.42.2/32'], keepalive: 25 }
  await driver.beginAnew('wh-test', peer, 148, 1_000_000)
  assert.match(shown.splice(0).join(), / remove peer .* endpoint 192.0.2.2:7 .* persistent-keepalive 25$/)
  await driver.beginAnew('wh-test', peer, 0, 1_000_000)
  out = of(999, 148)
  await driver.beginAnew('wh-test', peer, 148, 1_000_000)
  assert.deepEqual(shown, [])
})

test('the socket of a killed wireguard-go goes with its interface', async () => {
  const path = '/var/run/wireguard/wh-test.sock'
  const { driver, os } = on({ files: { [path]: '' }, run: () => ({ code: 1 }) })
  os.http.listening = async () => false
  await driver.remove('wh-test')
  assert.ok(!os.at.has(path))
})
