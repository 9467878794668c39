import type { CallRecord, EndRecord, Outcome } from '../../domain/call.ts'
import type { CredentialKind, Reason } from '../../domain/verdict.ts'

/** Rows of the trail as they are sealed: each fact by itself, and not joined as the trail otherwise reads. */

export const callColumns = `
  r.id, r.writer, r.boot, r.sequence, r.at, r.request_id, r.credential_kind, r.key_id, r.service_user_id, r.principal,
  r.grants_digest, r.trace_id, r.arguments_hmac, r.http_method, r.path, r.method, r.tool, r.outcome, r.reason, r.status,
  r.duration_ms, r.rpc_code, r.is_tool_error, r.client_address, r.user_agent, r.count, r.last_at, r.batch`

export interface CallColumns {
  id: string
  writer: string
  boot: string
  sequence: number
  at: number
  request_id: string
  credential_kind: CredentialKind | null
  key_id: string | null
  service_user_id: string | null
  principal: string | null
  grants_digest: string | null
  trace_id: string | null
  arguments_hmac: string | null
  http_method: string | null
  path: string | null
  method: string | null
  tool: string | null
  outcome: Outcome | null
  reason: Reason | null
  status: number | null
  duration_ms: number | null
  rpc_code: number | null
  is_tool_error: boolean | null
  client_address: string | null
  user_agent: string | null
  count: number
  last_at: number
  batch: number
}

/** A row of `trail_calls`. */
export function callOf(row: CallColumns): CallRecord & { batch: number } {
  return { ...recordOf(row), batch: row.batch }
}

/** What the rows of `trail_calls` and those of the view `trail` have in common. */
export function recordOf(row: Omit<CallColumns, 'batch'>): CallRecord {
  return {
    id: row.id,
    writer: row.writer,
    boot: row.boot,
    sequence: row.sequence,
    at: row.at,
    requestId: row.request_id,
    credentialKind: row.credential_kind,
    keyId: row.key_id,
    serviceUserId: row.service_user_id,
    principal: row.principal,
    grantsDigest: row.grants_digest,
    traceId: row.trace_id,
    argumentsHmac: row.arguments_hmac,
    httpMethod: row.http_method,
    path: row.path,
    method: row.method,
    tool: row.tool,
    outcome: row.outcome,
    reason: row.reason,
    status: row.status,
    durationMs: row.duration_ms,
    rpcCode: row.rpc_code,
    isToolError: row.is_tool_error,
    clientAddress: row.client_address,
    userAgent: row.user_agent,
    count: row.count,
    lastAt: row.last_at,
  }
}

export const endColumns = `
  r.call_id, r.at, r.outcome, r.reason, r.status, r.duration_ms, r.rpc_code, r.is_tool_error, r.writer, r.batch`

export interface EndColumns {
  call_id: string
  at: number
  outcome: Outcome
  reason: Reason | null
  status: number | null
  duration_ms: number
  rpc_code: number | null
  is_tool_error: boolean | null
  writer: string
  batch: number
}

/** A row of `trail_ends`. */
export function endOf(row: EndColumns): EndRecord & { writer: string; batch: number } {
  return {
    callId: row.call_id,
    at: row.at,
    outcome: row.outcome,
    reason: row.reason,
    status: row.status,
    durationMs: row.duration_ms,
    rpcCode: row.rpc_code,
    isToolError: row.is_tool_error,
    writer: row.writer,
    batch: row.batch,
  }
}
