import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keywordsToFlags } from '../../src/cli/command.ts'

const flags = {
  interface: { type: 'option' },
  'listen-port': { type: 'option' },
  foreground: { type: 'boolean' },
} as const
const table: [string, string][] = [
  ['net.conf', 'net.conf'],
  ['net.conf interface wg0 foreground', 'net.conf --interface=wg0 --foreground'],
  ['net.conf --interface wg0', 'net.conf --interface=wg0'],
  ['net.conf --interface=wg0', 'net.conf --interface=wg0'],
  ['interface foreground', '--interface=foreground'],
  ['net.conf interface', 'net.conf --interface'],
  ['listen-port -3', '--listen-port=-3'],
  ['-- foreground interface', '-- foreground interface'],
  ['./foreground', './foreground'],
  ['Interface toString', 'Interface toString'],
]
for (const [typed, meant] of table) {
  test(`wh up ${typed}`, () => assert.deepEqual(keywordsToFlags(typed.split(' '), flags), meant.split(' ')))
}
