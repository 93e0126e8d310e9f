/** Asks a daemon. Gets the function that carries a request (`os/http.ts` over a unix socket), so that it holds no socket itself. */

import { Failure } from '../base/failure.ts'
import { type AnswerOf, Problem, type Query, type RouteName, routes } from './schema.ts'

export type Ask = (request: { method: string; url: string; body: string }) => Promise<{ status: number; body: string }>

/** @throws Failure with the daemon's own words where it refuses. */
export async function ask<N extends RouteName>(carry: Ask, name: N, query: Query<N>): Promise<AnswerOf<N>> {
  const route = routes[name]
  const parameters = new URLSearchParams(query as Record<string, string>).toString()
  const url = parameters === '' ? route.path : `${route.path}?${parameters}`
  const { status, body } = await carry({ method: route.method, url, body: '' })
  const json: unknown = JSON.parse(body)
  if (status !== 200) {
    const problem = Problem.parse(json)
    throw new Failure(problem.error, problem.remedy === undefined ? {} : { remedy: problem.remedy })
  }
  return route.answer.parse(json) as AnswerOf<N>
}
