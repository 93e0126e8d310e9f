/**
 * docs/reference/cli.md and api.md, made from the commands and from the API's schema. `npm run docs` writes them, and
 * reference.test.ts fails where the committed files differ.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Problem, routes } from '../../src/api/schema.ts'
import { commands } from '../../src/cli/index.ts'

/** What the commands declare, as far as a page about them needs it. */
type Flag = {
  type: 'boolean' | 'option'
  char?: string
  description?: string
  helpValue?: string
  options?: readonly string[]
  min?: number
  max?: number
}
type Arg = { required?: boolean; description?: string }
type Described = {
  summary: string
  description: string
  examples: readonly string[]
  args: Record<string, Arg>
  flags: Record<string, Flag>
}

export const root = join(import.meta.dirname, '../..')

export const described: Record<string, Described> = Object.fromEntries(
  Object.entries(commands).map(([name, command]) => {
    const { summary = '', description = '', examples = [], args = {}, flags = {} } = command as Partial<Described>
    return [name, { summary, description, examples, args, flags }]
  }),
)

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows].map(row => row.map(cell => cell.replaceAll('|', '\\|')))
  const widths = heading.map((_, column) => Math.max(3, ...all.map(row => row[column]!.length)))
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  const [first, ...rest] = all.map(line)
  return [first, `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`, ...rest].join('\n')
}

/** A paragraph in lines of at most 120 characters. */
function wrapped(text: string): string {
  const lines = ['']
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length > 120) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join('\n')
}

function optionValue(flag: Flag): string {
  if (flag.type === 'boolean') return ''
  if (flag.options) return ` {${flag.options.join('|')}}`
  return ` ${flag.helpValue ?? 'VALUE'}`
}

function usage(name: string, { args, flags }: Described): string {
  const words = Object.entries(args).map(([arg, { required }]) =>
    required ? arg.toUpperCase() : `[${arg.toUpperCase()}]`,
  )
  const options = Object.entries(flags).map(([flag, it]) => `[${flag}${optionValue(it)}]`)
  return ['wh', name, ...words, ...options].join(' ')
}

function flagRow([name, flag]: [string, Flag]): string[] {
  const forms = [`\`${name}${optionValue(flag)}\``, ...(flag.char ? [`\`-${flag.char}\``] : [])]
  const range = flag.min === undefined ? '' : ` (${flag.min} to ${flag.max})`
  return [forms.join(', '), `${flag.description ?? ''}${range}`]
}

function section(name: string, command: Described): string {
  const rows = [
    ...Object.entries(command.args).map(([arg, { description }]) => [`\`${arg.toUpperCase()}\``, description ?? '']),
    ...Object.entries(command.flags).map(flagRow),
  ]
  const examples = command.examples.map(example => `$ ${example.replaceAll('<%= config.bin %>', 'wh')}`)
  return [
    `## wh ${name}`,
    `${command.summary}.`,
    `\`\`\`\n${usage(name, command)}\n\`\`\``,
    ...(rows.length > 0 ? [table(['word', 'meaning'], rows)] : []),
    ...command.description.split('\n\n').map(wrapped),
    ...(examples.length > 0 ? [`\`\`\`\n${examples.join('\n')}\n\`\`\``] : []),
  ].join('\n\n')
}

export function cliPage(): string {
  const head = `# Commands

<!-- made by \`npm run docs\` from src/cli/commands: change it there -->

Options are words, as in \`wg\`: \`wh up net.conf listen-port 51820\`. The same with dashes works too:
\`--listen-port 51820\` or \`--listen-port=51820\`. A word that is exactly the name of an option of the command is that
option; write \`./foreground\` for a file of that name, or put such words behind \`--\`.

\`wh\` alone is \`wh show\`. \`wh COMMAND --help\`, \`-h\` or \`wh COMMAND help\` explains a command; \`wh --version\` or \`-V\`
says the version. Results go to standard output, everything else to standard error.
[Exit statuses](exit-codes.md) have a page of their own.`
  const list = table(
    ['command', 'does'],
    Object.entries(described).map(([name, { summary }]) => [`[${name}](#wh-${name})`, summary]),
  )
  const sections = Object.entries(described).map(([name, command]) => section(name, command))
  return `${[head, list, ...sections].join('\n\n')}\n`
}

type Schema = {
  type?: string | string[]
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  enum?: (string | number)[]
  anyOf?: Schema[]
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map(value => JSON.stringify(value)).join(', ')
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.type === 'array') return `list of ${schema.items?.type ?? 'any'}s`
  return [schema.type ?? 'any'].flat().join(' or ')
}

/** A row for each field, and under it the fields inside it. */
function fieldRows(schema: Schema, at = ''): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const list = field.type === 'array'
    const inner = list ? field.items : (field.anyOf?.find(({ type }) => type === 'object') ?? field)
    const always = schema.required?.includes(name) ? 'yes' : 'no'
    const row = [`\`${at}${name}\``, typeOf(field), always, field.description ?? '']
    return [row, ...fieldRows(inner ?? {}, `${at}${name}${list ? '[].' : '.'}`)]
  })
}

const heading = ['field', 'type', 'always there', 'meaning']

function fields(schema: z.ZodType): string {
  return table(heading, fieldRows(z.toJSONSchema(schema) as Schema))
}

const statuses = [
  ['400', 'a parameter is missing or wrong'],
  ['404', 'no such path'],
  ['405', 'another method than the one in the heading'],
  ['422', 'it could not be done; the problem says why, and what to do if that is known'],
  ['500', 'a mistake of ours; the log has more'],
]

export function apiPage(): string {
  const head = `# The daemon's API

<!-- made by \`npm run docs\` from src/api/schema.ts: change it there -->

Each network that is up has a daemon, and each daemon serves HTTP with JSON on a unix socket of its own:
\`/run/wirehub/NETWORK.sock\` (in another network namespace \`/run/wirehub/net-N/NETWORK.sock\`, see [files](files.md)). The
socket has mode 0600: whoever may open it, may do everything. \`wh show\`, \`wh reload\`, \`wh down\` and \`wh resolve\` are
clients of it. The server checks what it sends against this contract.

\`\`\`
$ sudo curl --unix-socket /run/wirehub/test.sock http://wh/v1/status
\`\`\`

Status 200 carries the answer. Any other status carries a problem, with these fields:

${fields(Problem)}

${table(['status', 'when'], statuses)}`
  const sections = Object.values(routes).map(route => {
    const query = z.toJSONSchema(route.query) as Schema
    const asks = fieldRows(query).length > 0 ? ['Parameters in the query:', table(heading, fieldRows(query))] : []
    return [
      `## ${route.method} ${route.path}`,
      `${route.summary[0]!.toUpperCase()}${route.summary.slice(1)}.`,
      ...asks,
      'Answer:',
      fields(route.answer),
    ].join('\n\n')
  })
  return `${[head, ...sections].join('\n\n')}\n`
}

export const pages: Record<string, () => string> = {
  'docs/reference/cli.md': cliPage,
  'docs/reference/api.md': apiPage,
}

if (import.meta.main) {
  if (process.argv[2] !== '--write') {
    console.error(`node test/docs/reference.ts --write writes ${Object.keys(pages).join(' and ')}`)
    process.exit(2)
  }
  for (const [path, page] of Object.entries(pages)) writeFileSync(join(root, path), page())
}
