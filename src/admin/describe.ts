import { describeRoute, resolver } from 'hono-openapi'
import type { z } from 'zod'
import { problemSchema } from './problem.ts'

interface Route {
  summary: string
  status: 200 | 201
  answer: z.ZodType
  refusals: readonly number[]
  /** Whether it takes an Idempotency-Key. */
  isRepeatable?: true
}

/** A route as the OpenAPI document tells it. Every route may be refused with 503. */
export function describe({ summary, status, answer, refusals, isRepeatable }: Route) {
  const problem = { 'application/problem+json': { schema: resolver(problemSchema) } }
  const refused = { description: 'Refused: the code says why', content: problem }
  return describeRoute({
    summary,
    ...(isRepeatable === undefined ? {} : { parameters: [idempotencyKey] }),
    responses: {
      [status]: { description: summary, content: { 'application/json': { schema: resolver(answer) } } },
      ...Object.fromEntries([...refusals, 503].map((refusal) => [refusal, refused])),
    },
  })
}

const idempotencyKey = {
  name: 'idempotency-key',
  in: 'header',
  description:
    '1 to 255 visible ASCII characters. A repeat of the same request with the same key changes nothing, and answers what the first one made, without its token.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
} as const
