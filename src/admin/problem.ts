import { STATUS_CODES } from 'node:http'
import type { KeysRefusalCode, KeysRefused } from '../keys/refused.ts'
import type { Problem } from './schemas-common.ts'

/** What some refusals say beside their code and their field. */
type Details = Pick<Problem, 'successorId' | 'place' | 'version'>

/** A refusal of the API itself; those of the rooms behind it have errors of their own. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly status: number
  readonly code: string
  readonly field: string | undefined
  readonly details: Details
  constructor(status: number, code: string, message: string, field?: string, details: Details = {}) {
    super(message)
    this.status = status
    this.code = code
    this.field = field
    this.details = details
  }
}

/** The answer for a refusal. */
export function problemResponse(refusal: RequestRefused, headers: Record<string, string> = {}): Response {
  const { status, code, field, details } = refusal
  const body: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code,
    detail: refusal.message,
    ...(field === undefined ? {} : { field }),
    ...details,
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
  version_changed: 412,
  idempotency_key_reused: 422,
}

/** What the keys room refused, as an answer: 400 unless its code says otherwise. */
export function refusalOfKeys({ code, message, field, successorId, place }: KeysRefused): RequestRefused {
  return new RequestRefused(statuses[code] ?? 400, code, message, field ?? undefined, {
    ...(successorId === null ? {} : { successorId }),
    ...(place === null ? {} : { place }),
  })
}
