import type { CredentialKind, Reason } from './verdict.ts'

/** What became of a call. `unknown`: it was sent on, and no end was ever seen. */
export type Outcome = 'succeeded' | 'failed' | 'denied' | 'aborted' | 'passed' | 'unknown'

export const outcomes: readonly Outcome[] = ['succeeded', 'failed', 'denied', 'aborted', 'passed', 'unknown']

/**
 * One call, or one denial, as an immutable row of the trail. Times are epoch milliseconds. Never the
 * arguments, the result, the URL's query or a secret.
 */
export interface CallRecord {
  /** UUID v7. */
  id: string
  /** The node's id, its run and the gap-free number of the row within that run: from 1. */
  writer: string
  boot: string
  sequence: number
  /** When the request arrived. */
  at: number
  requestId: string
  credentialKind: CredentialKind | null
  keyId: string | null
  serviceUserId: string | null
  /** `user:<id>` or `workload:<id>`; null for service users, whom their id names, and where nobody is known. */
  principal: string | null
  /** Digest of the grants that the call was judged by (`grantsDigest`); null where no credential was accepted. */
  grantsDigest: string | null
  /** The W3C trace id: 32 hexadecimal digits. */
  traceId: string | null
  /** HMAC of the arguments under the deployment's key, where that is asked for. */
  argumentsHmac: string | null
  /** The HTTP method; null where the request could not be read so far. */
  httpMethod: string | null
  /** The URL's path without its query; null where it could not be read. */
  path: string | null
  /** The JSON-RPC method; null outside MCP, and for denials before the body was read. */
  method: string | null
  /** The tool of a `tools/call`. */
  tool: string | null
  /** Null where a stream's end, a row of its own, is to tell. */
  outcome: Outcome | null
  reason: Reason | null
  /** The HTTP status that the backend gave, or that we refused with. */
  status: number | null
  /** From arrival to the last byte of the backend's answer, in milliseconds. Null as `outcome`. */
  durationMs: number | null
  /** The code of the JSON-RPC error that was answered; null where none was. */
  rpcCode: number | null
  /** Whether a tool's result says that it failed; null where there was no such result. */
  isToolError: boolean | null
  clientAddress: string | null
  userAgent: string | null
  /** How many like denials this row stands for, the last of them at `lastAt`. */
  count: number
  lastAt: number
}

/** What a reply says by itself, whatever its HTTP status. */
export type Reply = Pick<CallRecord, 'rpcCode' | 'isToolError'>

/** The end of a call whose row was written at its headers: the second immutable fact. */
export interface EndRecord {
  callId: string
  at: number
  outcome: Outcome
  reason: Reason | null
  /** The HTTP status that the client was given where it is not the call row's; null otherwise. */
  status: number | null
  durationMs: number
  /** As those of {@link CallRecord}. */
  rpcCode: number | null
  isToolError: boolean | null
}

/** A call joined with its end: how the trail reads. */
export interface TrailRow extends Omit<CallRecord, 'outcome'> {
  outcome: Outcome
  /** Service users too: `service:<id>`. */
  principal: string | null
  /** When the database took the row. */
  recordedAt: number
}
