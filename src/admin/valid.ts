import type { MiddlewareHandler } from 'hono'
import { validator } from 'hono-openapi'
import type { z } from 'zod'
import { parseDurationMs } from '../domain/duration.ts'
import { parseInstant } from '../keys/instant.ts'
import type { AdminEnv } from './guard.ts'
import { RequestRefused } from './problem.ts'

/** Anything else would be read as an empty object by the validator. */
export const jsonOnly: MiddlewareHandler<AdminEnv> = async (c, next) => {
  const mediaType = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json')
    throw new RequestRefused(415, 'media_type_refused', 'Send the body as application/json.')
  await next()
}

/** Checks the JSON body against a schema. */
export function body<Schema extends z.ZodType>(schema: Schema) {
  return validator('json', schema, refuseInvalid)
}

/** Checks the query against a schema. */
export function query<Schema extends z.ZodType>(schema: Schema) {
  return validator('query', schema, refuseInvalid)
}

const defaultLimit = 50

/** Which page of a list was asked for. */
export function paging({ cursor, limit }: { cursor?: string | undefined; limit?: number | undefined }) {
  return { limit: limit ?? defaultLimit, ...(cursor === undefined ? {} : { cursor }) }
}

/** A checked body as the rooms take it: what was left out is not there. */
export function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Defined<T>
}

type Defined<T> = { [Name in keyof T]: Exclude<T[Name], undefined> }

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

function refuseInvalid(result: { success: boolean; error?: readonly Issue[] }): void {
  const issue = result.error?.[0]
  if (result.success || issue === undefined) return
  const unknown: unknown = Reflect.get(issue, 'keys')
  const name: unknown = Array.isArray(unknown) ? unknown[0] : undefined
  // The name comes from the caller: it is not repeated, as it may be anything.
  if (name !== undefined)
    throw new RequestRefused(400, 'field_unknown', 'There is a field that is not known here.')
  const part = issue.path?.[0]
  const field = part === undefined ? undefined : String(typeof part === 'object' ? part.key : part)
  throw new RequestRefused(
    400,
    'field_invalid',
    `${field ?? 'The body'} is missing or not of the right form.`,
    field,
  )
}

/** An instant of a query: RFC 3339, or the edge of a day. `day` is what a date stands for. */
export function momentOf(field: string, value: string, day?: number): number {
  const at = day ?? parseInstant(value)
  if (at === null)
    throw new RequestRefused(
      400,
      'field_invalid',
      `${field} must be an RFC 3339 instant, such as 2027-06-01T12:00:00Z, or a date`,
      field,
    )
  return at
}

/** A duration of a query, in milliseconds. */
export function durationOf(field: string, value: string): number {
  const ms = parseDurationMs(value)
  if (ms === null)
    throw new RequestRefused(400, 'field_invalid', `${field} must be a duration, such as 14d`, field)
  return Math.min(ms, 100_000 * 86_400_000)
}
