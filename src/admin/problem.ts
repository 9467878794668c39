import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import { KeysRefused, type KeysRefusalCode } from '../keys/refused.ts'

/** RFC 9457 problem details, with a stable `code` and, where there is one, the field that it is about. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string().describe("The HTTP status's phrase"),
    status: z.int(),
    code: z.string().describe('Stable: programs go by it'),
    detail: z.string().describe('One sentence for people'),
    field: z.string().optional().describe('The field or parameter that was refused'),
  })
  .meta({ id: 'Problem' })

export type Problem = z.infer<typeof problemSchema>

/** A refusal of the API itself; those of the rooms behind it have errors of their own. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly status: number
  readonly code: string
  readonly field: string | undefined
  constructor(status: number, code: string, message: string, field?: string) {
    super(message)
    this.status = status
    this.code = code
    this.field = field
  }
}

/** The answer for a refusal. */
export function problemResponse(refusal: RequestRefused, headers: Record<string, string> = {}): Response {
  const { status, code, field } = refusal
  const body: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code,
    detail: refusal.message,
    ...(field === undefined ? {} : { field }),
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}

const statuses: Partial<Record<KeysRefusalCode, number>> = {
  not_found: 404,
  name_taken: 409,
  already_revoked: 409,
  service_user_disabled: 409,
}

/** What the keys room refused, as an answer: 400 unless its code says otherwise. */
export function refusalOfKeys(error: KeysRefused): RequestRefused {
  return new RequestRefused(statuses[error.code] ?? 400, error.code, error.message, error.field ?? undefined)
}
