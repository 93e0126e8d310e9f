import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guestEndpoint } from '../../../src/protocol/carrier/guest.ts'
import { outcomes, placeWords, serverWords, type Tried } from '../../../src/protocol/carrier/words.ts'

const climb = (name: string, ...results: [Tried['rung'], string][]) => ({
  name,
  results: results.map(([rung, result]) => ({ rung, result })),
})
const said = (...climbed: ReturnType<typeof climb>[]) => outcomes(climbed).map(({ rung, words }) => `${rung}: ${words}`)

test('what came of each rung', () => {
  assert.deepEqual(said(), [])
  assert.deepEqual(said(climb('r1')), [])
  assert.deepEqual(said(climb('r1', ['tcp', 'under way'], ['wss', 'through'])), [
    'tcp: not through when another was',
    'wss: through',
    'proxy: not tried: another was first',
  ])
  assert.deepEqual(
    said(climb('r1', ['tcp', 'no answer'], ['wss', 'self-signed certificate'], ['proxy', 'under way'])),
    ['tcp: failed: no answer', 'wss: failed: self-signed certificate', 'proxy: under way'],
  )
})

test('nodes are told apart where it was not the same with all', () => {
  const refused = (host: string): [Tried['rung'], string][] => [['tcp', `connect ECONNREFUSED ${host}:1`]]
  assert.deepEqual(said(climb('r1', ...refused('192.0.2.1')), climb('r2', ...refused('192.0.2.2'))), [
    'tcp: failed: refused',
    'wss: not tried',
    'proxy: not tried: no HTTP proxy is named in the environment',
  ])
  assert.equal(said(climb('r1', ['tcp', 'through']), climb('r2'))[0], 'tcp: through (r1); not tried (r2)')
})

test('through whom, by the rung', () => {
  const servers = [
    { name: 'r1', rung: 'wss' },
    { name: 'r2', rung: 'tcp' },
    { name: 'r3', rung: 'wss' },
  ] as const
  assert.equal(serverWords(servers), 'TCP through r2; a WebSocket on TCP port 443 through r1, r3')
})

test('the address of a guest is told to nobody', () => {
  assert.equal(placeWords(guestEndpoint(7)), 'a carrier (TCP, WebSocket or WebRTC)')
  assert.equal(placeWords({ host: '192.0.2.1', port: 7 }), '192.0.2.1:7')
})
