/** What a person should write instead, in the syntax of the file at hand. */

import { type Field, fields, type NodeItem, type SettingName, type Syntax } from './document.ts'
import type { Role } from './types.ts'

const examples = { name: 'home', namespace: 'public', workbit: '8', subnet: '10.0.42.0/24' } as const

const forms = {
  boot: 'boot [<hostname>] <key> <endpoint>',
  peer: 'peer [<hostname>] <key> [<endpoint>]',
  trust: 'trust [<hostname>] [<ip>] <key> [<endpoint>]',
  router: 'router [<hostname>] [<ip>] <key> [<endpoint>]',
  alias: 'alias [<hostname>] [<ip>] <key> [<endpoint>]',
  admin: 'admin [<hostname>] <key>',
} as const satisfies Record<Role, string>

/** How a directive is written. */
export function usage(syntax: Syntax, directive: SettingName | Role): string {
  if (directive in forms) return forms[directive as Role]
  const example = examples[directive as SettingName]
  return syntax === 'yaml' ? `${directive}: ${example}` : `${directive} ${example}`
}

/**
 * The node with some fields changed, `null` for one to leave out: the whole line of the line form, in YAML the lines of
 * the changed fields.
 */
export function change(syntax: Syntax, node: NodeItem, changes: { [field in Field]?: string | null }): string {
  if (syntax === 'conf') {
    const words = fields.map(field => (field in changes ? changes[field] : node.words[field]?.text))
    return `write: ${[node.role, ...words.filter(word => word)].join(' ')}`
  }
  const changed = fields.filter(field => field in changes)
  const set = changed.filter(field => changes[field]).map(field => `${field}: ${changes[field]}`)
  const gone = changed.filter(field => changes[field] === null).map(field => `remove ${field}`)
  return [...gone, ...(set.length > 0 ? [`write: ${set.join(', ')}`] : [])].join('; ')
}

/** Whom a hint talks about. */
export function called(node: NodeItem): string {
  return node.words.hostname?.text ?? 'that node'
}
