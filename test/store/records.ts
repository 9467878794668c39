import type { CallRecord, EndRecord } from '../../src/domain/call.ts'
import { newId } from '../../src/domain/id.ts'
import type { Store, TrailBatch } from '../../src/domain/ports.ts'
import { hashToken, newToken, startOfToken } from '../../src/domain/service-key.ts'
import type { ServiceKey, ServiceUser } from '../../src/domain/service-key.ts'

/** When everything below happens, unless told otherwise. */
export const at = Date.UTC(2026, 10, 23, 12, 0, 0, 123)

export function serviceUser(over: Partial<ServiceUser> = {}): ServiceUser {
  const id = newId(at)
  return {
    id,
    name: `user ${id}`,
    owner: 'team@example.com',
    customer: null,
    createdBy: 'admin:ada',
    createdAt: at,
    disabledAt: null,
    ...over,
  }
}

export function serviceKey(serviceUserId: string, over: Partial<ServiceKey> = {}) {
  const token = newToken('pst')
  const key: ServiceKey = {
    id: newId(at),
    serviceUserId,
    name: 'desk',
    start: startOfToken(token),
    grants: {},
    createdBy: 'admin:ada',
    createdAt: at,
    expiresAt: at + 86_400_000,
    retiresAt: null,
    revokedAt: null,
    revokedReason: null,
    predecessorId: null,
    lastUsedAt: null,
    ...over,
  }
  return { key, token, digest: hashToken(token) }
}

/** A service user and a key of it, as stored. */
export async function createUserWithKey(store: Store, over: Partial<ServiceKey> = {}) {
  const user = serviceUser()
  await store.keys.createServiceUser(user)
  const made = serviceKey(user.id, over)
  await store.keys.createKey(made.key, made.digest)
  return { user, ...made }
}

let sequence = 0

export function call(over: Partial<CallRecord> = {}): CallRecord {
  const callAt = over.at ?? at
  return {
    id: newId(callAt),
    writer: 'node-1',
    boot: 'boot-1',
    sequence: ++sequence,
    at: callAt,
    requestId: 'request-1',
    credentialKind: 'service-key',
    keyId: null,
    serviceUserId: null,
    httpMethod: 'POST',
    path: '/mcp',
    method: 'tools/call',
    tool: 'forecast',
    outcome: 'succeeded',
    reason: null,
    status: 200,
    durationMs: 12.5,
    clientAddress: '127.0.0.1',
    userAgent: 'agent/1',
    count: 1,
    lastAt: callAt,
    ...over,
  }
}

export function end(callId: string, over: Partial<EndRecord> = {}): EndRecord {
  return { callId, at: at + 50, outcome: 'succeeded', reason: null, status: null, durationMs: 50, ...over }
}

export function batchOf(
  calls: CallRecord[],
  ends: EndRecord[] = [],
  lastUsed: [string, number][] = [],
): TrailBatch {
  return { calls, ends, lastUsed: new Map(lastUsed) }
}
