import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import type { KeysRefusalCode, KeysRefused } from '../keys/refused.ts'

/** RFC 9457 problem details, with a stable `code` and, where there is one, the field that it is about. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string().describe("The HTTP status's phrase"),
    status: z.int(),
    code: z.string().describe('Stable: programs go by it'),
    detail: z.string().describe('One sentence for people'),
    field: z.string().optional().describe('The field, header or parameter that was refused'),
    successorId: z.string().optional().describe('Of `already_rotated`: what the key was rotated into'),
  })
  .meta({ id: 'Problem' })

export type Problem = z.infer<typeof problemSchema>

/** A refusal of the API itself; those of the rooms behind it have errors of their own. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly status: number
  readonly code: string
  readonly field: string | undefined
  readonly successorId: string | undefined
  constructor(status: number, code: string, message: string, field?: string, successorId?: string) {
    super(message)
    this.status = status
    this.code = code
    this.field = field
    this.successorId = successorId
  }
}

/** The answer for a refusal. */
export function problemResponse(refusal: RequestRefused, headers: Record<string, string> = {}): Response {
  const { status, code, field, successorId } = refusal
  const body: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code,
    detail: refusal.message,
    ...(field === undefined ? {} : { field }),
    ...(successorId === undefined ? {} : { successorId }),
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}

const statuses: Partial<Record<KeysRefusalCode, number>> = {
  not_found: 404,
  name_taken: 409,
  too_many_keys: 409,
  already_revoked: 409,
  already_disabled: 409,
  not_disabled: 409,
  service_user_disabled: 409,
  key_revoked: 409,
  key_expired: 409,
  key_retired: 409,
  already_rotated: 409,
  rotation_not_granted: 403,
  family_ended: 409,
  not_rotated: 409,
  successor_rotated: 409,
  overlap_over: 409,
  idempotency_key_reused: 422,
}

/** What the keys room refused, as an answer: 400 unless its code says otherwise. */
export function refusalOfKeys({ code, message, field, successorId }: KeysRefused): RequestRefused {
  return new RequestRefused(
    statuses[code] ?? 400,
    code,
    message,
    field ?? undefined,
    successorId ?? undefined,
  )
}
