/** The rows of a batch as parameters: an array for each column, in the order of the statement's. */
import type { CallRecord, EndRecord } from '../../domain/call.ts'
import type { SealRecord } from '../../domain/seal.ts'
import { bigintArray, doubleArray, instantArray, integerArray, textArray, uuidArray } from '../array.ts'
import type { Value } from '../database.ts'

export const callTypes = [
  ...['uuid', 'text', 'text', 'bigint', 'timestamptz', 'text', 'text', 'uuid', 'uuid', 'text', 'text'],
  ...['text', 'text', 'text', 'text', 'integer', 'float8', 'text', 'text', 'integer', 'timestamptz', 'text'],
  ...['text', 'text', 'text', 'integer', 'integer'],
]

/** For {@link callTypes}. */
export function callValues(calls: readonly CallRecord[]): Value[] {
  const texts = (read: (call: CallRecord) => string | null): Value => unlessEmpty(calls.map(read), textArray)
  const ids = (read: (call: CallRecord) => string | null): Value => unlessEmpty(calls.map(read), uuidArray)
  const integers = (read: (call: CallRecord) => number | null): Value =>
    unlessEmpty(calls.map(read), integerArray)
  return [
    uuidArray(calls.map((call) => call.id)),
    textArray(calls.map((call) => call.writer)),
    textArray(calls.map((call) => call.boot)),
    bigintArray(calls.map((call) => call.sequence)),
    instantArray(calls.map((call) => call.at)),
    textArray(calls.map((call) => call.requestId)),
    texts((call) => call.credentialKind),
    ids((call) => call.keyId),
    ids((call) => call.serviceUserId),
    texts((call) => call.httpMethod),
    texts((call) => call.path),
    texts((call) => call.method),
    texts((call) => call.tool),
    texts((call) => call.outcome),
    texts((call) => call.reason),
    integers((call) => call.status),
    doubleArray(calls.map((call) => call.durationMs)),
    texts((call) => call.clientAddress),
    texts((call) => call.userAgent),
    integerArray(calls.map((call) => call.count)),
    instantArray(calls.map((call) => call.lastAt)),
    // Not there in what an earlier version left in the spool.
    texts((call) => call.principal ?? null),
    texts((call) => call.grantsDigest ?? null),
    texts((call) => call.traceId ?? null),
    texts((call) => call.argumentsHmac ?? null),
    integers((call) => call.rpcCode ?? null),
    integers((call) => numberOf(call.isToolError)),
  ]
}

export const sealTypes = ['text', 'bigint', 'text', 'integer', 'integer', 'text', 'text', 'text']

/** For {@link sealTypes}. */
export function sealValues(seal: SealRecord | null): Value[] {
  if (seal === null) return sealTypes.map(() => null)
  const { writer, number, boot, calls, ends, root, previous } = seal
  return [writer, number, boot, calls, ends, root, previous, seal.seal]
}

export const endTypes = ['uuid', 'timestamptz', 'text', 'text', 'integer', 'float8', 'integer', 'integer']

/** For {@link endTypes}. */
export function endValues(ends: readonly EndRecord[]): Value[] {
  return [
    uuidArray(ends.map((end) => end.callId)),
    instantArray(ends.map((end) => end.at)),
    textArray(ends.map((end) => end.outcome)),
    textArray(ends.map((end) => end.reason)),
    integerArray(ends.map((end) => end.status)),
    doubleArray(ends.map((end) => end.durationMs)),
    integerArray(ends.map((end) => end.rpcCode ?? null)),
    integerArray(ends.map((end) => numberOf(end.isToolError))),
  ]
}

/** For key ids and instants. */
export function useValues(lastUsed: ReadonlyMap<string, number>): Value[] {
  return [uuidArray([...lastUsed.keys()]), instantArray([...lastUsed.values()])]
}

/**
 * NULL in place of an array that holds nothing else, as some do in most batches: `unnest` gives no rows for it, and
 * beside others of a select list that is NULL in each row.
 */
function unlessEmpty<T>(items: (T | null)[], array: (items: (T | null)[]) => Value): Value {
  return items.every((item) => item === null) ? null : array(items)
}

function numberOf(flag: boolean | null | undefined): number | null {
  return typeof flag === 'boolean' ? Number(flag) : null
}
