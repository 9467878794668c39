import type { TrailRow } from '../domain/call.ts'
import type { Change, Page } from '../domain/ports.ts'
import type { ServiceUser } from '../domain/service-key.ts'
import type { KeyView } from '../keys/keys.ts'
import type { CallJson, KeyJson, KeyWithHistoryJson, PageJson, ServiceUserJson } from './schemas.ts'

/** What the rooms answer, as the API gives it: field by field, so that nothing new slips out unnoticed. */

function instant(at: number): string {
  return new Date(at).toISOString()
}

function instantOrNull(at: number | null): string | null {
  return at === null ? null : instant(at)
}

export function serviceUserJson(user: ServiceUser): ServiceUserJson {
  return {
    id: user.id,
    name: user.name,
    owner: user.owner,
    customer: user.customer,
    createdBy: user.createdBy,
    createdAt: instant(user.createdAt),
    disabledAt: instantOrNull(user.disabledAt),
  }
}

export function keyJson({ key, user, state }: KeyView): KeyJson {
  return {
    id: key.id,
    start: key.start,
    name: key.name,
    serviceUserId: key.serviceUserId,
    serviceUser: user.name,
    state,
    createdBy: key.createdBy,
    createdAt: instant(key.createdAt),
    expiresAt: instant(key.expiresAt),
    retiresAt: instantOrNull(key.retiresAt),
    revokedAt: instantOrNull(key.revokedAt),
    revokedReason: key.revokedReason,
    predecessorId: key.predecessorId,
    lastUsedAt: instantOrNull(key.lastUsedAt),
  }
}

export function historyJson(changes: readonly Change[]): KeyWithHistoryJson['history'] {
  return changes.map(({ epoch, what, actor, reason, at }) => ({
    epoch,
    what,
    actor,
    reason,
    at: instant(at),
  }))
}

export function callJson(row: TrailRow): CallJson {
  return {
    id: row.id,
    writer: row.writer,
    boot: row.boot,
    sequence: row.sequence,
    at: instant(row.at),
    recordedAt: instant(row.recordedAt),
    requestId: row.requestId,
    credentialKind: row.credentialKind,
    keyId: row.keyId,
    serviceUserId: row.serviceUserId,
    httpMethod: row.httpMethod,
    path: row.path,
    method: row.method,
    tool: row.tool,
    outcome: row.outcome,
    reason: row.reason,
    status: row.status,
    durationMs: row.durationMs,
    clientAddress: row.clientAddress,
    userAgent: row.userAgent,
    count: row.count,
    lastAt: instant(row.lastAt),
  }
}

export function pageJson<T, J>(page: Page<T>, toJson: (item: T) => J): PageJson<J> {
  return { data: page.data.map(toJson), nextCursor: page.nextCursor }
}
