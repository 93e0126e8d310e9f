// Which way is chosen, and what is said where none works, on the machine's double. The ways themselves: test/system/control-port.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../../src/base/failure.ts'
import type { Endpoint } from '../../../src/base/ip.ts'
import { createLogger } from '../../../src/base/log.ts'
import { type ControlPortOptions, openControlPort } from '../../../src/drivers/control/open.ts'
import type { TapOptions } from '../../../src/os/capture.ts'
import type { StartOptions } from '../../../src/os/run.ts'
import { type MachineOptions, machineDouble } from '../../machine-double.ts'

const coded = (code: string) => Object.assign(new Error(code), { code })

type Situation = {
  machine?: MachineOptions
  /** What nft complains about. */
  refusal?: string
  pcap?: boolean
  ipv6?: string
}

/** A machine on which nft does as it is told, or does not. */
function machine({ machine, refusal, pcap = true, ipv6 }: Situation = {}) {
  const double = machineDouble({ programs: ['nft'], ...machine })
  const log: string[] = []
  const open = new Set<string>()
  const timers: (() => void)[] = []
  let nft: StartOptions = {}
  let end = (_code: number) => {}
  let tap: TapOptions | undefined
  const sockets: { address: string; receive: (bytes: Uint8Array, from: Endpoint) => void }[] = []
  const written: string[] = []
  /** What the map has that it lists. */
  let bound: string[] = []
  const answer = (lines: string[]) => {
    for (const line of ['table inet wh_40000 { # progname nft', ...lines, '}']) nft.onLine?.(line)
  }
  const os: typeof double = {
    ...double,
    clock: {
      now: () => 0,
      wall: () => 0,
      at(_, call) {
        timers.push(call)
        return { cancel() {} }
      },
    },
    udp: {
      async bind(address, port, receive) {
        if (address === '::' && ipv6) throw coded(ipv6)
        if (machine?.portsTaken?.includes(port)) throw coded('EADDRINUSE')
        open.add(`udp ${address}`)
        sockets.push({ address, receive })
        // W's two sockets have one number, and each branch its own
        const number = port || (sockets.length < 2 ? 40_000 : 40_000 + sockets.length)
        return { port: number, send() {}, close: () => void open.delete(`udp ${address}`) }
      },
    },
    programs: {
      ...double.programs,
      start(_argv, options) {
        nft = options
        open.add('nft')
        const ended = Promise.withResolvers<number>()
        end = code => {
          open.delete('nft')
          ended.resolve(code)
        }
        return {
          write(text) {
            written.push(text)
            if (refusal) options.onError?.(refusal)
            else if (text.includes('list table')) answer([])
            else if (text.includes('list map')) answer(bound)
          },
          stop: async () => end(0),
          ended: ended.promise,
        }
      },
    },
    capture: {
      async open(options) {
        if (!pcap) throw new Error('the npm package pcap is not there or was not built (x)')
        tap = options
        open.add('tap')
        return { close: async () => void open.delete('tap') }
      },
    },
    raw: {
      async open() {
        open.add('raw')
        return { send: () => true, close: () => void open.delete('raw') }
      },
    },
  }
  const logger = createLogger((_, line) => log.push(line))
  const received: Uint8Array[] = []
  const port = (options: Partial<ControlPortOptions> = {}) =>
    openControlPort(os, logger, { listenPort: 51820, capture: 'auto', owner: 'wireguard', ...options }, bytes =>
      received.push(bytes),
    )
  return {
    port,
    log,
    open,
    received,
    written,
    sockets,
    timers,
    answer,
    complain: (line: string) => nft.onError?.(line),
    bind: (...elements: string[]) => {
      bound = ['\tmap bout {', `\t\telements = { ${elements.join(', ')} }`, '\t}']
    },
    end: (code: number) => end(code),
    tap: () => tap,
  }
}

async function refusal(situation: Situation, options?: Partial<ControlPortOptions>): Promise<string> {
  const { port, open } = machine(situation)
  const error = await port(options).then(
    () => assert.fail('opened'),
    error => error,
  )
  assert.ok(error instanceof Failure, String(error))
  assert.deepEqual([...open], [], 'something is left open')
  return `${error.message}\n${error.remedy}`
}

const dropping = JSON.stringify({
  nftables: [{ chain: { family: 'ip', table: 'f', name: 'i', hook: 'input', policy: 'drop' } }],
})
const from = { host: '192.0.2.9', port: 51820 }

test('auto is nft, and leaves nothing', async () => {
  const it = machine()
  const port = await it.port()
  assert.equal(port.backend, 'nft')
  assert.deepEqual([...it.open].sort(), ['nft', 'udp 0.0.0.0', 'udp ::'])
  assert.equal(it.log.join(), '')
  await port.close()
  assert.deepEqual([...it.open], [])
})

test('a machine without IPv6 has IPv4', async () => {
  const it = machine({ ipv6: 'EAFNOSUPPORT' })
  const port = await it.port()
  assert.deepEqual([...it.open].sort(), ['nft', 'udp 0.0.0.0'])
  port.send(Uint8Array.of(0xff), { host: '2001:db8::1', port: 1 })
  assert.deepEqual(port.counters, { received: 0, sent: 0, dropped: { 'no IPv6 here': 1 } })
  await port.close()
})

test('auto without nft is pcap, with a word', async () => {
  for (const [situation, why] of [
    [{ machine: { programs: [] } }, /nft is not installed/],
    [{ refusal: 'Error: Operation not permitted' }, /nft refuses our rules: Error: Operation not permitted/],
  ] as const) {
    const it = machine(situation as Situation)
    const port = await it.port()
    assert.equal(port.backend, 'pcap')
    assert.match(it.log.join('\n'), /^warn .*using pcap/)
    assert.match(it.log.join('\n'), why)
    await port.close()
    assert.deepEqual([...it.open], [])
  }
})

test('where nothing works, it says what is missing and what to install', async () => {
  assert.equal(
    await refusal({ machine: { programs: [] }, pcap: false }),
    'no way to share UDP port 51820: nft is not installed; the npm package pcap is not there or was not built (x)\n' +
      'apt install nftables, and be root; or apt install libpcap-dev g++ make python3, then npm rebuild pcap, and be root',
  )
  assert.match(
    await refusal({ refusal: 'Error: x' }, { capture: 'nft' }),
    /^capture nft does not work here: .*\n.*nftables/,
  )
  assert.match(
    await refusal({ pcap: false }, { capture: 'pcap' }),
    /^capture pcap does not work here: .*\n.*libpcap-dev/,
  )
})

test('a helper owns the port, and says who cannot have it', async () => {
  const it = machine()
  const port = await it.port({ owner: 'nobody' })
  assert.equal(port.backend, 'socket')
  assert.deepEqual([...it.open].sort(), ['udp 0.0.0.0', 'udp ::'])
  await port.close()
  assert.deepEqual([...it.open], [])
  assert.match(
    await refusal({ machine: { portsTaken: [51820] } }, { owner: 'nobody' }),
    /^UDP port 51820 is taken by another program\nss -ulpn/,
  )
})

test('a firewall that may drop makes auto listen in front of it; each datagram is heard once', async () => {
  const it = machine({ machine: { run: () => ({ out: dropping }) } })
  const port = await it.port()
  assert.ok(it.open.has('tap'))
  const bytes = Uint8Array.of(0xff, 1)
  it.tap()!.receive(bytes, from)
  it.sockets[0]!.receive(bytes, from)
  assert.equal(it.received.length, 1)
  assert.deepEqual(port.counters, { received: 1, sent: 0, dropped: { copy: 1 } })
  await port.close()
  assert.deepEqual([...it.open], [])
  it.tap()!.receive(Uint8Array.of(0xff, 2), from)
  assert.equal(it.received.length, 1, 'nobody is called after close')
})

test('without a tap that firewall is a warning with what to do', async () => {
  const it = machine({ machine: { run: () => ({ out: dropping }) }, pcap: false })
  const port = await it.port()
  assert.equal(port.backend, 'nft')
  assert.match(it.log.join('\n'), /^warn .*strangers may not be heard.*open UDP port 51820 in the firewall/)
  await port.close()
})

test('capture nft has no tap, whatever the firewall', async () => {
  const it = machine({ machine: { run: () => ({ out: dropping }) } })
  const port = await it.port({ capture: 'nft' })
  assert.ok(!it.open.has('tap'))
  await port.close()
})

test('packets that arrived and were not heard bring the tap, once', async () => {
  const it = machine()
  const port = await it.port()
  const counted = (arrived: number, heard: number) => {
    it.timers.pop()!()
    // one line, and always the same: nft -i keeps a history of different ones
    assert.equal(it.written.at(-1), 'list counter inet wh_40000 arrived; list counter inet wh_40000 heard\n')
    it.answer(['	counter arrived {', `		packets ${arrived} bytes 9`, '	}'])
    it.answer(['	counter heard {', `		packets ${heard} bytes 9`, '	}'])
  }
  counted(5, 5)
  counted(7, 8)
  assert.ok(!it.open.has('tap'))
  counted(9, 8)
  await new Promise(setImmediate)
  assert.ok(it.open.has('tap'))
  assert.match(it.log.join('\n'), /listening in front of the firewall.*arrived/)
  counted(10, 8)
  assert.equal(it.log.length, 1)
  await port.close()
  assert.deepEqual([...it.open], [])
})

test('rules whose holder died are loaded again', async () => {
  const it = machine()
  const port = await it.port()
  it.end(137)
  await new Promise(setImmediate)
  assert.ok(it.open.has('nft'))
  assert.match(it.log.join('\n'), /^warn .*loading them again/)
  assert.equal(it.written.filter(text => text.startsWith('add table')).length, 2)
  await port.close()
  assert.deepEqual([...it.open], [])
})

test('a binding is in force when nft lists it, and refused where it does not', async () => {
  const it = machine()
  const port = await it.port()
  const [branch] = await port.branches!.open(1, () => {})
  const to = { host: '192.0.2.2', port: 7 }
  it.bind(`192.0.2.2 . 7 : ${branch!.port}`)
  await port.branches!.bind(to, branch!)
  assert.match(it.written.at(-1)!, /^add element inet wh_40000 bout .*\nlist map inet wh_40000 bout\n$/)
  const before = it.written.length
  await port.branches!.bind(to, branch!)
  assert.equal(it.written.length, before, 'that is so already')
  const refused = port.branches!.bind(to, null)
  it.complain('Error: made by the test')
  await assert.rejects(refused, { message: /^nft does not bind 192.0.2.2:7: / })
  it.bind()
  await port.branches!.bind(to, null)
  assert.match(it.written.at(-1)!, /^delete element/)
  await port.close()
  await assert.rejects(port.branches!.bind(to, branch!))
  await new Promise(setImmediate)
  assert.deepEqual([...it.open], [])
})

test('only control packets of endpoints that can be named come through', async () => {
  const it = machine()
  const port = await it.port()
  it.sockets[0]!.receive(Uint8Array.of(1, 0, 0, 0), from)
  it.sockets[0]!.receive(new Uint8Array(0), from)
  it.sockets[1]!.receive(Uint8Array.of(0xff), { host: 'fe80::1%eth0', port: 1 })
  assert.deepEqual(port.counters.dropped, { 'not control': 2, 'link-local': 1 })
  assert.equal(it.received.length, 0)
  await port.close()
})
