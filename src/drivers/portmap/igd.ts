/**
 * The XML of an Internet Gateway Device: its description, and the actions of `WANIPConnection` (UPnP forum, versions 1 and 2) as SOAP.
 * A stranger's XML: the parser knows no entities but XML's five, fetches nothing, and what is bounded here is bounded before it.
 */

import { parseXml, XmlElement } from '@rgrove/parse-xml'
import type { Address } from '../../base/ip.ts'
import { type WebPlace, webPlace } from './ssdp.ts'

/** Longer answers are not read. The longest descriptions seen have 8 KiB. */
export const longestXml = 64 * 1024

/** Which of the router's connections to the outside is asked. The best first. */
const serviceTypes = ['WANIPConnection:2', 'WANIPConnection:1', 'WANPPPConnection:1'].map(
  name => `urn:schemas-upnp-org:service:${name}`,
)

/** A service that maps ports. */
export type Service = { readonly type: string; readonly control: WebPlace }

/** The root, or `null` where it is not XML. */
function parse(text: string): XmlElement | null {
  // routers end their text with zero bytes, and forget that `&` has a meaning in their names
  const clean = text
    .replaceAll('\0', '')
    .trim()
    .replace(/&(?!#?\w{1,8};)/g, '&amp;')
  try {
    return parseXml(clean, { ignoreUndefinedEntities: true }).root
  } catch {
    return null // not XML, or nested deeper than the stack
  }
}

const localName = (element: XmlElement) => element.name.split(':').at(-1)
const elements = (parent: XmlElement) => parent.children.filter(child => child instanceof XmlElement)
const child = (parent: XmlElement | undefined, name: string) =>
  parent && elements(parent).find(each => localName(each) === name)
const textOf = (parent: XmlElement | undefined, name: string) => child(parent, name)?.text.trim()

/** Devices are nested three deep; a stranger's may be nested as he likes. */
const deepest = 4

function services(device: XmlElement | undefined, depth = 0): XmlElement[] {
  if (!device || depth > deepest) return []
  const list = (name: string) =>
    elements(child(device, `${name}List`) ?? device).filter(each => localName(each) === name)
  return [...list('service'), ...list('device').flatMap(each => services(each, depth + 1))]
}

/** The services of a description that map ports, best first. Those that are not on the router itself are none. */
export function readDescription(text: string, gateway: Address, from: string): Service[] {
  const root = parse(text)
  if (!root) return []
  const base = textOf(root, 'URLBase') || from
  const found = services(child(root, 'device')).flatMap(service => {
    const type = textOf(service, 'serviceType') ?? ''
    const control = webPlace(textOf(service, 'controlURL') ?? '', gateway, URL.canParse(base) ? base : from)
    return control && serviceTypes.includes(type) ? [{ type, control }] : []
  })
  return found.sort((a, b) => serviceTypes.indexOf(a.type) - serviceTypes.indexOf(b.type))
}

export type Arguments = Readonly<Record<string, string | number>>

/** The body of a question. @param values our own: nothing in them needs escaping */
export function encodeAction(type: string, action: string, values: Arguments): string {
  const inner = Object.entries(values).map(([name, value]) => `<${name}>${value}</${name}>`)
  return [
    '<?xml version="1.0"?>\r\n',
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"',
    ' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>',
    `<u:${action} xmlns:u="${type}">${inner.join('')}</u:${action}>`,
    '</s:Body></s:Envelope>\r\n',
  ].join('')
}

/** What an action gave by name, the number of its error, or `null` where it is no answer. */
export function readAction(text: string, action: string): Record<string, string> | number | null {
  const body = child(parse(text) ?? undefined, 'Body')
  const response = child(body, `${action}Response`)
  if (response) return Object.fromEntries(elements(response).map(each => [localName(each), each.text.trim()]))
  const code = textOf(child(child(child(body, 'Fault'), 'detail'), 'UPnPError'), 'errorCode')
  return code !== undefined && /^\d{3}$/.test(code) ? Number(code) : null
}
