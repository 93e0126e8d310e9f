// Members on one link find one another by multicast, over IPv4 and IPv6, and nobody else learns who they are.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLab, type Host, type Lab, noLab, type Program } from '../lab/lab.ts'

const options = { skip: noLab, timeout: 60_000 }
const speaker = new URL('./lan-speaker.ts', import.meta.url).pathname
const key = {
  a: 'P17zMwXJFbBdJEn05RFIMADw9TX5_m2xgf31OgNKX3w',
  b: 'KJ7YGrBeqLLm_JJ1huIS26OnqAVFy57z5UJqjyMagW4',
  c: 'eIix5ldvqDzOIrG9ViKTe9TSBlF4g9nUwKi20C06hFM',
}

function speak(host: Host, own: keyof typeof key, members: readonly (keyof typeof key)[], port = 51_820): Program {
  const argv = [process.execPath, speaker, key[own], String(port), ...members.map(each => key[each])]
  return host.spawn(argv)
}

const heard = (who: keyof typeof key, address: string, port = 51_820) =>
  new RegExp(`heard ${key[who]} ${address.replaceAll('.', '\\.')} ${port}\\n`)

async function twoHosts(lab: Lab, addresses: (number: number) => string[]) {
  const lan = await lab.switch('lan')
  const hosts = [await lab.host('a'), await lab.host('b')] as const
  await lab.link(hosts[0], lan, { addresses: addresses(1) })
  await lab.link(hosts[1], lan, { addresses: addresses(2) })
  return { lan, a: hosts[0], b: hosts[1] }
}

test('two members hear one another, over IPv4 and over IPv6', options, async () => {
  await using lab = await createLab()
  const { a, b } = await twoHosts(lab, number => [`192.0.2.${number}/24`, `2001:db8::${number}/64`])
  const [first, second] = [speak(a, 'a', ['b']), speak(b, 'b', ['a'], 40_000)]
  for (const address of ['192.0.2.2', '2001:db8::2']) await first.says(heard('b', address, 40_000))
  for (const address of ['192.0.2.1', '2001:db8::1']) await second.says(heard('a', address))
})

for (const [family, addresses] of [
  ['IPv4', (number: number) => [`192.0.2.${number}/24`]],
  ['IPv6', (number: number) => [`2001:db8::${number}/64`]],
] as const) {
  test(`they do so where ${family} is all there is, and without a default route`, options, async () => {
    await using lab = await createLab()
    const { a, b } = await twoHosts(lab, addresses)
    const [first, second] = [speak(a, 'a', ['b']), speak(b, 'b', ['a'])]
    await first.says(heard('b', addresses(2)[0]!.split('/')[0]!))
    await second.says(heard('a', addresses(1)[0]!.split('/')[0]!))
  })
}

test('two nodes on one machine hear one another, and a third on the link hears both', options, async () => {
  await using lab = await createLab()
  const { a, b } = await twoHosts(lab, number => [`192.0.2.${number}/24`])
  const third = speak(b, 'c', ['a', 'b'])
  await third.says(/ready/)
  const [first, second] = [speak(a, 'a', ['b'], 1_001), speak(a, 'b', ['a'], 1_002)]
  await Promise.all([
    first.says(heard('b', '192.0.2.1', 1_002)),
    second.says(heard('a', '192.0.2.1', 1_001)),
    third.says(heard('a', '192.0.2.1', 1_001)),
    third.says(heard('b', '192.0.2.1', 1_002)),
  ])
})

test('a machine that joins the link later says so by itself', options, async () => {
  await using lab = await createLab()
  const { lan, a, b } = await twoHosts(lab, number => [`192.0.2.${number}/24`])
  const [first, second] = [speak(a, 'a', ['b']), speak(b, 'b', ['a'])]
  await Promise.all([first.says(heard('b', '192.0.2.2')), second.says(heard('a', '192.0.2.1'))])
  await lab.link(a, lan, { addresses: ['198.51.100.1/24'] })
  await first.says(/changed/)
  await b.ip(['address add 198.51.100.2/24 dev eth0'])
  await second.says(/changed/)
  await first.says(heard('b', '198.51.100.2'))
  await second.says(heard('a', '198.51.100.1'))
})

test('who does not know a key does not learn whose announcement it is', options, async () => {
  await using lab = await createLab()
  const { a, b } = await twoHosts(lab, number => [`192.0.2.${number}/24`])
  const stranger = speak(b, 'b', ['c'])
  const friend = speak(b, 'c', ['a'])
  await Promise.all([stranger.says(/ready/), friend.says(/ready/)])
  const member = speak(a, 'a', [])
  await friend.says(heard('a', '192.0.2.1'))
  await member.says(/ready/)
  await a.ip(['address add 192.0.2.11/24 dev eth0'])
  await friend.says(heard('a', '192.0.2.11'))
  assert.doesNotMatch(stranger.out, new RegExp(`heard ${key.a}`))
})

test('changes are told once, and what routers merely renew is no change', options, async () => {
  await using lab = await createLab()
  const { a } = await twoHosts(lab, number => [`192.0.2.${number}/24`, `2001:db8::${number}/64`])
  const speaker = speak(a, 'a', [])
  await speaker.says(/ready/)
  await a.ip(['address change 2001:db8::1/64 dev eth0 valid_lft 5000 preferred_lft 5000'])
  await a.ip(['address add 198.51.100.1/24 dev eth0', 'address add 198.51.100.9/24 dev eth0'])
  await speaker.says(/changed/)
  await a.ip(['route add default via 192.0.2.2'])
  await speaker.says(/changed\nchanged\n/)
  await a.ip(['route change default via 192.0.2.3'])
  await speaker.says(/changed\nchanged\nchanged\n/)
  assert.equal(speaker.out.match(/changed/g)!.length, 3)
})

test('a node that is killed leaves no process behind', options, async () => {
  await using lab = await createLab()
  const { a } = await twoHosts(lab, number => [`192.0.2.${number}/24`])
  const speaker = speak(a, 'a', [])
  await speaker.says(/ready/)
  // the host's pid 1 reaps nobody: a zombie is gone
  const monitors = ['pgrep', '-x', '-r', 'S,R,D', 'ip']
  await a.until(monitors, ({ code }) => code === 0)
  speaker.kill('SIGKILL')
  await a.until(monitors, ({ code }) => code === 1)
})
