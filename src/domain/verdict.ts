import type { Grants } from './grant.ts'
import type { HitLimit } from './limit.ts'

export type PrincipalKind = 'service' | 'user' | 'workload'
export type CredentialKind = 'session' | 'jwt' | 'service-key'

/** Who acts, once known. */
export interface Principal {
  kind: PrincipalKind
  id: string
  customer: string | null
}

/** Permission to go on, with what the later steps need to know about the credential. */
export interface Allowed {
  allowed: true
  principal: Principal
  credentialKind: CredentialKind
  /** The service key's id; null for other kinds. */
  keyId: string | null
  grants: Grants
  /**
   * The instant from which the credential no longer holds, in epoch milliseconds; null where it has no end of its
   * own.
   */
  endsAt: number | null
  /** Whether the key was rotated and is in its overlap; missing for other kinds. */
  isRetiring?: boolean
  /**
   * Judges key and lease once more, right before dispatch: null, or the reason to refuse after all. At once and
   * without I/O, unless the key changed or the lease ran out since the verdict.
   */
  recheck: () => Reason | null | Promise<Reason | null>
}

export interface Refused {
  allowed: false
  reason: Reason
  /** Known when the credential was recognised before it was refused: for the trail only. */
  keyId?: string
  serviceUserId?: string
  /** The issuer that a JWT names, where that is one of ours. */
  issuer?: string
  /** For `rate_limited`: which limit that was. */
  limit?: HitLimit
}

export type Verdict = Allowed | Refused

interface Refusal {
  /** The HTTP status. */
  status: number
  /** The JSON-RPC error code on an MCP route; outside JSON-RPC's reserved range unless it is JSON-RPC's own. */
  rpcCode: number
  /** The code that a stranger sees: some reasons hide behind the first of their group. */
  shownAs: string
  /** One sentence for the caller. The same for all that are shown alike. */
  message: string
}

const credentialRefused = {
  status: 401,
  rpcCode: 40101,
  shownAs: 'malformed_key',
  message: 'The credential was refused.',
} as const satisfies Refusal
const notServing = {
  status: 503,
  rpcCode: 50300,
  shownAs: 'not_fresh',
  message: 'The service cannot answer safely right now; try again shortly.',
} as const satisfies Refusal
const upstreamFailed = {
  status: 502,
  rpcCode: 50200,
  shownAs: 'upstream_invalid',
  message: 'The backend gave no valid answer.',
} as const satisfies Refusal

/**
 * The one closed list of reasons: it drives the trail, the HTTP answer, the JSON-RPC error and the metrics.
 * Where hiding protects something (is the key unknown, expired or revoked; what is down behind us) the reasons
 * of a group look the same outside and differ in the trail.
 */
export const refusals = {
  missing_credential: own('missing_credential', 401, 40100, 'A credential is required.'),
  malformed_key: credentialRefused,
  unknown_key: credentialRefused,
  expired_key: credentialRefused,
  retired_key: credentialRefused,
  revoked_key: credentialRefused,
  service_user_disabled: credentialRefused,
  invalid_session: credentialRefused,
  invalid_jwt: credentialRefused,
  wrong_credential_kind: credentialRefused,
  ambiguous_credentials: own('ambiguous_credentials', 400, 40000, 'Send one credential, once.'),
  credential_in_query: own(
    'credential_in_query',
    400,
    40000,
    'A key belongs into the Authorization header, never into the URL.',
  ),
  url_ambiguous: own('url_ambiguous', 400, 40000, 'The URL can be read in more than one way.'),
  header_invalid: own('header_invalid', 400, 40000, 'The request head is not valid.'),
  body_malformed: own('body_malformed', 400, -32700, 'The body is not valid JSON.'),
  body_ambiguous: own('body_ambiguous', 400, -32600, 'The body can be read in more than one way.'),
  batch_refused: own('batch_refused', 400, -32600, 'A batch is not accepted here.'),
  header_mismatch: own('header_mismatch', 400, -32020, 'A header disagrees with the body.'),
  method_refused: own('method_refused', 405, 40500, 'The HTTP method is not accepted here.'),
  request_timeout: own('request_timeout', 408, 40800, 'The request did not arrive in time.'),
  length_required: own('length_required', 411, 41100, 'A Content-Length is required.'),
  body_too_large: own('body_too_large', 413, 41300, 'The body is over the limit.'),
  encoding_refused: own('encoding_refused', 415, 41500, 'Send the body without a Content-Encoding.'),
  media_type_refused: own('media_type_refused', 415, 41500, 'Send the body as application/json in UTF-8.'),
  header_too_large: own('header_too_large', 431, 43100, 'The request head is over the limit.'),
  tool_not_granted: own('tool_not_granted', 403, 40301, 'This is not available.'),
  address_refused: own('address_refused', 403, 40300, 'Not accepted from here.'),
  host_refused: own('host_refused', 403, 40300, 'Not accepted from here.'),
  origin_refused: own('origin_refused', 403, 40300, 'Not accepted from here.'),
  no_route: own('no_route', 404, 40400, 'Nothing is here.'),
  session_unknown: own('session_unknown', 404, 40400, 'There is no such session.'),
  rate_limited: own('rate_limited', 429, 42900, 'Too many requests.'),
  quota_exhausted: own('quota_exhausted', 429, 42900, 'The quota is used up.'),
  too_many_at_once: own('too_many_at_once', 429, 42900, 'Too many requests at once.'),
  executed_unrecorded: own(
    'executed_unrecorded',
    500,
    50001,
    'The call was carried out, but could not be recorded in time. Do not repeat it.',
  ),
  upstream_invalid: upstreamFailed,
  upstream_unreachable: upstreamFailed,
  upstream_timeout: own('upstream_timeout', 504, 50400, 'The backend did not answer in time.'),
  not_fresh: notServing,
  store_unavailable: notServing,
  trail_unavailable: notServing,
  issuer_unavailable: own(
    'issuer_unavailable',
    503,
    50300,
    'The keys of the issuer are not at hand; try again shortly.',
  ),
} as const satisfies Record<string, Refusal>

/** A reason for not carrying out a call, or for not answering it as the backend did. */
export type Reason = keyof typeof refusals

/** The answer that belongs to a reason. */
export function refusalFor(reason: Reason): Refusal {
  return refusals[reason]
}

function own(shownAs: string, status: number, rpcCode: number, message: string): Refusal {
  return { status, rpcCode, shownAs, message }
}
