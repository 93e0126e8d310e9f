/**
 * Whatever is in a wg-quick file, importing it returns: errors with places inside the text, or a network that its network file
 * means, too. The private key stands in none of both.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatConf } from '../../src/protocol/network/format.ts'
import { parseNetworkFile } from '../../src/protocol/network/parse.ts'
import { formatProblems } from '../../src/protocol/network/problem.ts'
import { importWgQuick } from '../../src/protocol/wg-quick/network.ts'
import { client, hub, known, psk, secret } from '../protocol/wg-quick/samples.ts'

let imports = 0

/** Everything that must hold for any text. */
function holds(text: string): void {
  const { imported, problems } = importWgQuick(text, { network: 'wg_0.x', machine: 'a', endpoint: 'vpn.example.org' })
  const lines = text.split(/\r\n|\r|\n/).length
  for (const { line, column, length, message, hint } of problems) {
    assert.ok(line >= 1 && line <= lines && column >= 1 && length >= 0, `${line}:${column} of ${lines} lines`)
    assert.ok(message !== '' && hint !== '')
  }
  assert.equal(
    imported === null,
    problems.some(({ severity }) => severity === 'error'),
  )
  const shown = formatProblems(problems, 'wg0.conf', text)
  assert.doesNotMatch(shown, /[\0-\x09\x0b-\x1f\x7f-\x9f]/)
  if (!imported) return
  imports++
  const written = formatConf(imported.document)
  const read = parseNetworkFile(written, 'a.conf')
  assert.deepEqual(read.network, imported.network, formatProblems(read.problems, 'a.conf', written))
  assert.equal(formatConf(read.document), written)
  assert.ok(!`${shown}${written}`.includes(imported.privateKey.reveal()))
}

test('random bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map(bytes => new TextDecoder().decode(bytes))
  fc.assert(fc.property(fc.oneof(bytes, fc.string({ unit: 'binary', maxLength: 200 })), holds), { numRuns: 400 })
})

test('random lines of the grammar', () => {
  const address = fc
    .tuple(fc.constantFrom('10.8.0', '10.8.1', '10.9.0', '192.168.1'), fc.nat(255), fc.option(fc.nat(32)))
    .map(([net, host, length]) => `${net}.${host}${length === null ? '' : `/${length}`}`)
  const other = fc.constantFrom('0.0.0.0/0', '::/0', 'fd42::1/64', 'fd42::2/128', '127.0.0.1/8', '224.0.0.1/4', '')
  const addresses = fc.array(fc.oneof(address, other), { maxLength: 4 }).map(all => all.join(', '))
  const comment = fc.oneof(
    fc.constantFrom('', '# alice', '# 7', '# Name = -', '### Client a.b'),
    fc.string().map(x => `#${x}`),
  )
  const endpoint = fc.constantFrom('', 'Endpoint = x:1\n', 'Endpoint = [fd00::1]:62096\n', 'Endpoint = 10.8.0.1:9\n')
  const peers = fc.uniqueArray(fc.tuple(fc.constantFrom(...known), comment, addresses, endpoint), {
    selector: ([key]) => key,
  })
  const file = fc.tuple(addresses, peers).map(([own, peers]) => {
    const sections = peers.map(
      ([key, comment, allowed, endpoint]) =>
        `${comment.replace(/[\r\n]/g, '')}\n[Peer]\nPublicKey = ${key}\nAllowedIPs = ${allowed}\n${endpoint}`,
    )
    return `[Interface]\nPrivateKey = ${secret[0]}\nAddress = ${own}\n${sections.join('')}`
  })
  imports = 0
  fc.assert(fc.property(file, holds), { numRuns: 400 })
  assert.ok(imports > 100, `${imports} of 400 were right`)
})

test('right files with a part cut out, doubled or replaced', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.constantFrom('', '\n', ' ', '#', '=', ',', '[Peer]\n', '/0', '/31', psk),
  )
  const mutation = fc.record({
    example: fc.constantFrom(hub, client),
    from: fc.nat(2000),
    length: fc.nat(60),
    piece,
    twice: fc.boolean(),
  })
  fc.assert(
    fc.property(mutation, ({ example, from, length, piece, twice }) => {
      const at = from % example.length
      const cut = example.slice(at, at + length)
      holds(example.slice(0, at) + (twice ? cut + cut : '') + piece + example.slice(at + length))
    }),
    { numRuns: 600 },
  )
})
