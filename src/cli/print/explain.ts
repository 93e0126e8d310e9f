/** An explanation for people: the verdict, what is known, each place where the peer may be, and what would help. */

import { styleText } from 'node:util'
import type { AnswerOf } from '../../api/schema.ts'

export function printExplanation({ verdict, facts, candidates, advice }: AnswerOf<'explain'>): string {
  const bold = (text: string) => styleText('bold', text, { stream: process.stdout })
  const places = candidates.flatMap(({ endpoint, kind, account }) => [`  ${endpoint}  ${kind}`, `      ${account}`])
  return [
    bold(verdict),
    ...section(
      'known',
      facts.map(fact => `  ${fact}`),
    ),
    ...section('places', places),
    ...section(
      'what would help',
      advice.map(each => `  ${each}`),
    ),
  ].join('\n')
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines]
}
