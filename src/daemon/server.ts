/** Serves `api/schema.ts`. Pure but for the node it asks: a request is a value, and so is the answer. */

import * as z from 'zod'
import { type AnswerOf, type Query, type RouteName, routes } from '../api/schema.ts'
import { Failure } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { HttpAnswer, HttpRequest } from '../os/http.ts'

export type Handlers = { readonly [N in RouteName]: (query: Query<N>) => Promise<AnswerOf<N>> }

const problem = (status: number, error: string, remedy?: string): HttpAnswer => ({
  status,
  body: `${JSON.stringify({ error, ...(remedy === undefined ? {} : { remedy }) })}\n`,
})

export async function serve(handlers: Handlers, log: Logger, request: HttpRequest): Promise<HttpAnswer> {
  const url = new URL(request.url, 'http://localhost')
  const name = (Object.keys(routes) as RouteName[]).find(route => routes[route].path === url.pathname)
  if (!name) return problem(404, `no such path: ${url.pathname}`)
  const route = routes[name]
  if (route.method !== request.method) return problem(405, `${url.pathname} takes ${route.method}`)
  const query = route.query.safeParse(Object.fromEntries(url.searchParams))
  if (!query.success) return problem(400, z.prettifyError(query.error))
  try {
    const handler = handlers[name] as (query: unknown) => Promise<unknown>
    const body = route.answer.parse(await handler(query.data))
    return { status: 200, body: `${JSON.stringify(body)}\n` }
  } catch (error) {
    if (error instanceof Failure) return problem(422, error.message, error.remedy)
    log.error('request failed', { path: url.pathname, error: String(error) })
    return problem(500, `internal error: ${String(error)}`)
  }
}
