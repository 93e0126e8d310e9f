// Birthday probing through real NATs: two hosts that drop what they have not asked for, one behind a router that gives each destination
// another port, one behind a router that lets in only whom it has written to. With wireguard-go or the kernel's WireGuard.
// `RUNS=20` repeats each, for figures.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { type Endpoint, formatEndpoint } from '../../src/base/ip.ts'
import type { RecordBody } from '../../src/protocol/directory/record-body.ts'
import type { Side } from '../../src/protocol/nat/roles.ts'
import type { Step } from '../../src/protocol/nat/step.ts'
import { createLab, type Host, type Lab, noLab, type Program } from '../lab/lab.ts'
import { type NatRule, routerRules } from '../lab/nat/rules.ts'
import type { Start, Told } from './birthday-peer.ts'
import { connect, type End, firewall, node, port, traces } from './control-lab.ts'

const runs = Number(process.env.RUNS ?? 1)
const options = { skip: noLab, timeout: 120_000 + runs * 60_000 }
const program = join(import.meta.dirname, 'birthday-peer.ts')
const [hardAddress, easyAddress, helperAddress] = ['192.0.2.1', '192.0.2.2', '192.0.2.9']

/** A running birthday-peer.ts. */
class Peer {
  readonly program: Program
  readonly #lines: AsyncIterator<string>

  constructor(host: Host, start: Start) {
    this.program = host.spawn([node, program])
    this.#lines = createInterface({ input: this.program.child.stdout! })[Symbol.asyncIterator]()
    // on standard input: a key has no place in an argument
    this.send(start)
  }

  send(command: unknown): void {
    this.program.child.stdin!.write(`${JSON.stringify(command)}\n`)
  }

  async next(): Promise<Told> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`birthday-peer ended: ${this.program.err}`)
    return JSON.parse(value)
  }

  async close(): Promise<void> {
    this.send({ close: true })
    const { code, err } = await this.program.ended
    assert.equal(code, 0, err)
  }
}

async function router(lab: Lab, name: string, rule: NatRule, number: number): Promise<Host> {
  const [inside, internet] = [await lab.switch(`${name}-lan`), nets.get(lab)!]
  const [host, home] = [await lab.router(`${name}-router`), await lab.host(name)]
  await lab.link(home, inside, { addresses: [`192.168.${number}.2/24`], gateways: [`192.168.${number}.1`] })
  await lab.link(host, inside, { name: 'lan', addresses: [`192.168.${number}.1/24`] })
  await lab.link(host, internet, { name: 'wan', addresses: [`192.0.2.${number}/24`] })
  await host.ok(['nft', '-f', '-'], {
    input: routerRules(rule, { wan: `192.0.2.${number}`, lan: `192.168.${number}.0/24` }),
  })
  return home
}
const nets = new WeakMap<Lab, Awaited<ReturnType<Lab['switch']>>>()

const hardSide: Side = {
  ...{ nat: 'endpoint-dependent', filtering: 'address-and-port-dependent', keepsPort: false, address: hardAddress },
}
const easySide: Side = {
  ...{ nat: 'endpoint-independent', filtering: 'address-and-port-dependent', keepsPort: true, address: easyAddress },
}
const bodyOf = ({ nat, filtering, keepsPort, address }: Side): RecordBody => ({
  ...{ nat, filtering, keepsPort, homes: [] },
  endpoints: [{ kind: 'reflexive', endpoint: { host: address!, port } }],
})

/** Both look for each other until each has an endpoint that has answered; `null` where one has given up. */
async function meet(hard: Peer, easy: Peer): Promise<{ hard: Told; easy: Told } | null> {
  easy.send({ offered: bodyOf(hardSide) })
  hard.send({ offered: bodyOf(easySide) })
  const end = async (from: Peer, told: (spray: Told['spray']) => void) => {
    for (;;) {
      const it = await from.next()
      if (it.spray) told(it.spray)
      if (it.hit || it.over) return it
    }
  }
  const [ofHard, ofEasy] = await Promise.all([
    end(hard, spray => easy.send({ offered: bodyOf(hardSide), spray })),
    end(easy, () => {}),
  ])
  return ofHard.hit && ofEasy.hit ? { hard: ofHard, easy: ofEasy } : null
}

const kinds: readonly [NatRule, Step, most: number][] = [
  ['symmetric', { kind: 'unknown' }, 257],
  // what others said a while ago; a reflector is asked anew
  ['sequential', { kind: 'regular', step: 1, last: 40_003 }, 18],
]
for (const [rule, step, most] of kinds) {
  test(`${rule} and port-restricted: a path for WireGuard, both ways`, options, async (t: TestContext) => {
    const times: number[] = []
    let failed = 0
    for (let run = 0; run < runs; run++) {
      await using lab = await createLab()
      nets.set(lab, await lab.switch('internet'))
      const hostA = await router(lab, 'a', rule, 1)
      const hostB = await router(lab, 'b', 'port-restricted', 2)
      const helper = await lab.host('helper')
      await lab.link(helper, nets.get(lab)!, { addresses: [`${helperAddress}/24`] })
      const ends: [End, End] = [
        { host: hostA, addresses: { 4: '192.168.1.2', 6: '::' } },
        { host: hostB, addresses: { 4: '192.168.2.2', 6: '::' } },
      ]
      await connect(ends)
      for (const { host } of ends) await firewall(host)
      const keys = async (host: Host) => ({
        privateKey: (await host.ok(['wg', 'show', 'wg0', 'private-key'])).trim(),
        peer: (await host.ok(['wg', 'show', 'wg0', 'peers'])).trim(),
      })
      const third = new Peer(helper, { privateKey: (await helper.ok(['wg', 'genkey'])).trim(), owner: 'nobody' })
      const reflector = { key: (await third.next()).ready!, endpoint: { host: helperAddress!, port } }
      const [a, b] = [await keys(hostA), await keys(hostB)]
      const begin = async () => {
        const hard = new Peer(hostA, { ...a, own: { ...hardSide, step }, reflector })
        const easy = new Peer(hostB, { ...b, own: { ...easySide, step: { kind: 'unknown' } } })
        await Promise.all([hard.next(), easy.next()])
        return { hard, easy, met: await meet(hard, easy) }
      }
      let attempt = await begin()
      if (!attempt.met) {
        // by chance, one of 200 does not: two in a row are none
        failed++
        const { hard, easy } = attempt
        t.diagnostic(`not met:\n${hard.program.err}\n${easy.program.err}`)
        for (const peer of [hard, easy]) await peer.close()
        attempt = await begin()
      }
      const { hard, easy, met } = attempt
      assert.ok(met, `not met twice:\n${hard.program.err}\n${easy.program.err}`)
      times.push(Math.max(met.hard.ms!, met.easy.ms!))
      const probes = easy.program.err.match(/probes=(\d+)/g)?.at(-1)
      t.diagnostic(`met after ${times.at(-1)} ms, ${probes}`)
      const [toB, toA] = [met.hard.hit!, met.easy.hit!] as [Endpoint, Endpoint]
      assert.equal(formatEndpoint(toB), `${easyAddress}:${port}`)
      assert.equal(toA.host, hardAddress)
      assert.ok((await sockets(hostA)) <= 4, 'all branches but one are closed')

      const point = (host: Host, peer: string, to: Endpoint) =>
        host.ok(['wg', 'set', 'wg0', 'peer', peer, 'endpoint', formatEndpoint(to)])
      await point(hostA, a.peer, toB)
      await point(hostB, b.peer, toA)
      for (const [host, to] of [
        [hostA, '10.0.42.2'],
        [hostB, '10.0.42.1'],
      ] as const) {
        const { out } = await host.run(['ping', '-c', '5', '-i', '0.2', '-W', '5', to])
        assert.match(out, /5 received, 0% packet loss/)
      }
      assert.equal((await hostB.ok(['wg', 'show', 'wg0', 'endpoints'])).trim().split('\t')[1], formatEndpoint(toA))

      hard.send({ released: true })
      while (!('released' in (await hard.next())));
      for (const peer of [hard, easy, third]) await peer.close()
      for (const { host } of ends) assert.equal(await traces(host), '')
      const opened = Number(
        hard.program.err
          .match(/sockets=(\d+)/g)
          ?.at(-1)
          ?.slice(8),
      )
      assert.ok(opened < most, `${opened} sockets`)
    }
    times.sort((x, y) => x - y)
    const at = (share: number) => times[Math.ceil(runs * share) - 1]
    t.diagnostic(`${rule}, ${runs} runs, ${failed} failed: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`)
  })
}

/** UDP sockets of the host. */
async function sockets(host: Host): Promise<number> {
  return Number((await host.ok(['sh', '-c', 'ss -Hnup4a | wc -l'])).trim())
}
