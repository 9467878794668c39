import type { MiddlewareHandler } from 'hono'
import { describeRoute, resolver } from 'hono-openapi'
import type { z } from 'zod'
import type { Need } from './access.ts'
import { admit, type AdminEnv } from './guard.ts'
import { RequestRefused } from './problem.ts'
import { problemSchema } from './schemas-common.ts'

interface Route {
  summary: string
  /** What whoever asks must be allowed to do. */
  needs: Need
  status: 200 | 201 | 204
  /** Left out where there is no body. */
  answer?: z.ZodType
  /** The media type of the answer; JSON unless given. */
  mediaType?: string
  refusals: readonly number[]
  /** Whether it takes an Idempotency-Key. */
  isRepeatable?: true
  /** Whether it takes If-Match. */
  isConditional?: true
}

/**
 * A route as the OpenAPI document tells it, and the guard in front of it: without this, a route finds in its context
 * neither who asks nor anything to answer from. Every route may be refused with 400, 401, 403 and 503.
 */
export function describe(route: Route): MiddlewareHandler<AdminEnv> {
  const { summary, needs, status, answer, mediaType = 'application/json', refusals } = route
  const problem = { 'application/problem+json': { schema: resolver(problemSchema) } }
  const refused = { description: 'Refused: the code says why', content: problem }
  const content = answer === undefined ? {} : { content: { [mediaType]: { schema: resolver(answer) } } }
  const parameters = [
    ...(route.isRepeatable === undefined ? [] : [idempotencyKey]),
    ...(route.isConditional === undefined ? [] : [ifMatch]),
  ]
  const told = describeRoute({
    summary,
    // For who reads the document, and for the test that holds the table of roles against it.
    ...{ 'x-needs': needs },
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: {
      [status]: { description: summary, ...content },
      ...Object.fromEntries([...refusals, 400, 401, 403, 503].map((refusal) => [refusal, refused])),
    },
  })
  const guard: MiddlewareHandler<AdminEnv> = async (c, next) => {
    await admit(c, needs)
    refuseNotTaken(route, c.req.raw.headers)
    await next()
  }
  // What the document is made of hangs on the handler.
  return Object.assign(guard, told)
}

/** Who sends such a header relies on it: where it would do nothing, the request isn't carried out. */
function refuseNotTaken({ isConditional, isRepeatable }: Route, headers: Headers): void {
  if (isConditional === undefined && headers.has('if-match'))
    throw new RequestRefused(
      400,
      'precondition_not_taken',
      'This route takes no If-Match: send the request without it.',
      'If-Match',
    )
  if (isRepeatable === undefined && headers.has('idempotency-key'))
    throw new RequestRefused(
      400,
      'idempotency_key_not_taken',
      'This route takes no Idempotency-Key, and a repeat of the request would be done again: send it without.',
      'Idempotency-Key',
    )
}

const idempotencyKey = {
  name: 'idempotency-key',
  in: 'header',
  description:
    '1 to 255 visible ASCII characters. A repeat of the same request with the same key changes nothing, and answers what the first one made, without its token.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
} as const

const ifMatch = {
  name: 'if-match',
  in: 'header',
  description:
    'The version that the change was made for, in quotes, as the ETag of an earlier answer has it. Required but over the socket.',
  schema: { type: 'string', pattern: '^"[0-9]+"$' },
} as const
