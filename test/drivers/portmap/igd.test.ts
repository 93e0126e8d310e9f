// What a router says of itself in SSDP and XML: only what leads to the router itself is taken, and nothing of it can hurt.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeAction, longestXml, readAction, readDescription } from '../../../src/drivers/portmap/igd.ts'
import { readAnswer, searches, webPlace } from '../../../src/drivers/portmap/ssdp.ts'
import { description, gateway } from './router.ts'

const from = `http://${gateway}:5000/root.xml`
const answer = (lines: string[], status = 'HTTP/1.1 200 OK') =>
  readAnswer(new TextEncoder().encode(`${[status, ...lines].join('\r\n')}\r\n\r\n`), gateway)
const st = 'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1'

test('both versions of the device are searched for', () => {
  const texts = searches().map(bytes => new TextDecoder().decode(bytes))
  assert.deepEqual(
    texts.map(text => /ST: (.+)\r\n\r\n$/.exec(text)?.[1]),
    [1, 2].map(version => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`),
  )
  for (const text of texts)
    assert.match(text, /^M-SEARCH \* HTTP\/1\.1\r\nHOST: 239\.255\.255\.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n/)
})

test('an answer counts where it leads to the router', () => {
  const place = { endpoint: { host: gateway, port: 5000 }, path: '/root.xml' }
  assert.deepEqual(answer([st, `LOCATION: ${from}`]), place)
  assert.deepEqual(
    answer([
      `location:${from}`,
      st
        .toLowerCase()
        .replace(
          'st: urn:schemas-upnp-org:device:internetgatewaydevice',
          'st: urn:schemas-upnp-org:device:InternetGatewayDevice',
        ),
    ]),
    place,
  )
  for (const elsewhere of [
    'http://192.168.1.66:5000/root.xml',
    'http://203.0.113.1/root.xml',
    'http://router.example/root.xml',
    'http://127.0.0.1/root.xml',
    `https://${gateway}/root.xml`,
    `file:///etc/passwd`,
    `http://admin:admin@${gateway}/`,
    `http://${gateway}:0/`,
    `http://${gateway}/${'a'.repeat(600)}`,
    'nonsense',
    '',
  ]) {
    assert.equal(answer([st, `LOCATION: ${elsewhere}`]), null, elsewhere)
  }
  assert.equal(answer(['ST: urn:schemas-upnp-org:device:MediaServer:1', `LOCATION: ${from}`]), null)
  assert.equal(answer([st, `LOCATION: ${from}`], 'NOTIFY * HTTP/1.1'), null)
})

test('a URL cannot smuggle a line into what we ask', () => {
  assert.deepEqual(webPlace(`http://${gateway}/a\r\nX-Evil: 1`, gateway)?.path, '/aX-Evil:%201')
})

test('the service is found three devices deep, in spite of a bare & and a zero byte', () => {
  assert.deepEqual(readDescription(description, gateway, from), [
    {
      type: 'urn:schemas-upnp-org:service:WANIPConnection:1',
      control: { endpoint: { host: gateway, port: 5000 }, path: '/ctl' },
    },
  ])
})

test('a control URL away from the router is no service, whether absolute or by URLBase', () => {
  assert.deepEqual(readDescription(description.replace('>/ctl<', '>http://192.168.1.66/ctl<'), gateway, from), [])
  assert.deepEqual(
    readDescription(description.replace('<device>', '<URLBase>http://192.168.1.66/</URLBase><device>'), gateway, from),
    [],
  )
})

test('the newest of several services is asked first', () => {
  const newer = description.replace('Layer3Forwarding:1', 'WANIPConnection:2')
  assert.deepEqual(
    readDescription(newer, gateway, from).map(({ control }) => control.path),
    ['/other', '/ctl'],
  )
})

test('an action and its answers', () => {
  const text = encodeAction('urn:x', 'AddPortMapping', { NewRemoteHost: '', NewExternalPort: 51_820 })
  assert.match(
    text,
    /<u:AddPortMapping xmlns:u="urn:x"><NewRemoteHost><\/NewRemoteHost><NewExternalPort>51820<\/NewExternalPort><\/u:AddPortMapping>/,
  )
  const soap = (inner: string) => `<s:Envelope xmlns:s="e"><s:Body>${inner}</s:Body></s:Envelope>`
  assert.deepEqual(readAction(soap('<u:AResponse xmlns:u="x"><B> 1 </B></u:AResponse>'), 'A'), { B: '1' })
  assert.equal(
    readAction(soap('<s:Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></s:Fault>'), 'A'),
    718,
  )
  assert.equal(readAction(soap('<u:OtherResponse xmlns:u="x"/>'), 'A'), null)
  assert.equal(readAction('<html>busy', 'A'), null)
})

test('XML made to hurt is no answer, and costs next to nothing', () => {
  const bomb = `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><root><device>&b;</device></root>`
  const external = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><root><URLBase>&x;</URLBase></root>'
  const deep = '<a>'.repeat(longestXml / 3)
  const closed = `${'<device>'.repeat(3_500)}${'</device>'.repeat(3_500)}`
  for (const text of [bomb, external, deep, closed, '<'.repeat(longestXml), '&'.repeat(longestXml), '']) {
    assert.deepEqual(readDescription(text, gateway, from), [])
    assert.equal(readAction(text, 'A'), null)
  }
})

test('whatever comes, nothing throws', () => {
  const parts = fc.constantFrom(
    '<root>',
    '<device>',
    '</device>',
    '<serviceList>',
    '<service>',
    '<controlURL>',
    '&',
    '\0',
    '<![CDATA[',
    'http://[',
    ...description.split('\n'),
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(parts, fc.string()), { maxLength: 30 }), texts => {
      const text = texts.join('')
      readDescription(text, gateway, text)
      readAction(text, 'A')
      readAnswer(new TextEncoder().encode(text), gateway)
    }),
  )
})
