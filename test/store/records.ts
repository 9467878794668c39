import type { CallRecord, EndRecord } from '../../src/domain/call.ts'
import type { Grants } from '../../src/domain/grant.ts'
import { newId } from '../../src/domain/id.ts'
import type { Notice } from '../../src/domain/notice.ts'
import type { Store, TrailBatch } from '../../src/domain/ports.ts'
import type { Change } from '../../src/domain/key-store.ts'
import type { SweepFinding } from '../../src/domain/notice-store.ts'
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
    backupOwner: null,
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
    mintedBy: null,
    familyEndsAt: null,
    lastUsedAt: null,
    ...over,
  }
  return { key, token, digest: hashToken(token) }
}

/** Stores a key as an administrator's change would. */
export function createKey(
  store: Pick<Store, 'keys'>,
  { key, digest }: { key: ServiceKey; digest: Buffer },
): Promise<void> {
  return store.keys.changeKeys({ serviceUserId: key.serviceUserId }, { at: key.createdAt }, () => ({
    plan: {
      insertKeys: [{ key, digest }],
      changes: [change(key.id, 'created', { actor: key.createdBy, at: key.createdAt })],
    },
    result: undefined,
  }))
}

/** Revokes a key that isn't revoked yet; false where it is. */
export function revokeKey(
  store: Pick<Store, 'keys'>,
  id: string,
  end: { at: number; actor: string; reason: string },
): Promise<boolean> {
  return store.keys.changeKeys({ keyId: id }, { at: end.at }, ({ key }) => {
    if (key === null || key.revokedAt !== null) return { plan: null, result: false }
    const updateKeys = [{ id, revoked: { at: end.at, reason: end.reason } }]
    return { plan: { updateKeys, changes: [change(id, 'revoked', end)] }, result: true }
  })
}

/** A change to a key, as plans hold it. */
export function change(
  subjectId: string,
  what: Change['what'],
  over: Partial<Change> = {},
): Omit<Change, 'epoch'> {
  return { actor: 'admin:ada', subjectKind: 'service-key', subjectId, what, reason: null, at, ...over }
}

/** A notice about a key, as yet told to nobody. */
export function notice(key: ServiceKey, user: ServiceUser, over: Partial<Notice> = {}): Notice {
  const id = newId(over.createdAt ?? at)
  return {
    id,
    occasion: `key-rotated:${id}`,
    kind: 'key-rotated',
    keyId: key.id,
    serviceUserId: user.id,
    facts: {
      serviceUser: user.name,
      owner: user.owner,
      backupOwner: user.backupOwner,
      keyName: key.name,
      keyStart: key.start,
      expiresAt: key.expiresAt,
      retiresAt: key.retiresAt,
      lastUsedAt: key.lastUsedAt,
      actor: 'admin:ada',
      reason: 'quote\' "double" \\ back ü',
      successorStart: null,
      daysLeft: null,
    },
    createdAt: at,
    acknowledgedAt: null,
    acknowledgedBy: null,
    ...over,
  }
}

/** What a sweep finds about a key that has nothing to it. */
export function finding(keyId: string, over: Partial<SweepFinding> = {}): SweepFinding {
  return { keyId, notices: [], retire: null, nextDueAt: null, ...over }
}

/** Makes a key due. */
export function schedule(store: Store, key: ServiceKey, dueAt: number): Promise<void> {
  return store.keys.changeKeys({ keyId: key.id }, { at }, () => ({
    plan: { changes: [], schedule: new Map([[key.id, dueAt]]) },
    result: undefined,
  }))
}

/** Leaves no key, notice or delivery due at any time. */
export async function drain(store: Store): Promise<void> {
  const last = Date.UTC(2200, 0)
  await store.notices.sweep(last, 10_000, (due) => due.map(({ key }) => finding(key.id)))
  await store.notices.route(last, 10_000, () => [])
  for (const { delivery } of await store.notices.claim(last, last, 10_000))
    await store.notices.settle(delivery, { at: last, failure: null, state: 'dead', dueAt: last })
}

/** A service user and a key of it, as stored. */
export async function createUserWithKey(store: Store, over: Partial<ServiceKey> = {}) {
  const user = serviceUser()
  await store.keys.createServiceUser(user)
  const made = serviceKey(user.id, over)
  await createKey(store, made)
  return { user, ...made }
}

/** Grants that this version doesn't know, and must neither lose nor take for none. */
export function ofNewerVersion(grants: object): Grants {
  return grants
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
    principal: null,
    grantsDigest: null,
    traceId: null,
    argumentsHmac: null,
    httpMethod: 'POST',
    path: '/mcp',
    method: 'tools/call',
    tool: 'forecast',
    outcome: 'succeeded',
    reason: null,
    status: 200,
    durationMs: 12.5,
    rpcCode: null,
    isToolError: null,
    clientAddress: '127.0.0.1',
    userAgent: 'agent/1',
    count: 1,
    lastAt: callAt,
    ...over,
  }
}

export function end(callId: string, over: Partial<EndRecord> = {}): EndRecord {
  return {
    callId,
    at: at + 50,
    outcome: 'succeeded',
    reason: null,
    status: null,
    durationMs: 50,
    rpcCode: null,
    isToolError: null,
    ...over,
  }
}

export function batchOf(
  calls: CallRecord[],
  ends: EndRecord[] = [],
  lastUsed: [string, number][] = [],
): TrailBatch {
  return { calls, ends, lastUsed: new Map(lastUsed) }
}
