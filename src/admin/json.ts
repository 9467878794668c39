import type { TrailRow } from '../domain/call.ts'
import type { KeyUsage, Page } from '../domain/ports.ts'
import type { Change } from '../domain/key-store.ts'
import type { ServiceUser } from '../domain/service-key.ts'
import type { IssuedKey } from '../keys/issue.ts'
import type { Rotation } from '../keys/overlap.ts'
import type { KeyView } from '../keys/parts.ts'
import type { RotatedKey } from '../keys/rotate.ts'
import type {
  CallJson,
  IssuedKeyJson,
  KeyJson,
  KeyWithHistoryJson,
  PageJson,
  RotatedKeyJson,
  RotationJson,
  ServiceUserJson,
} from './schemas.ts'

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
    backupOwner: user.backupOwner,
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
    selfRotate: key.grants.selfRotate === true,
    mintedBy: key.mintedBy,
    familyEndsAt: instantOrNull(key.familyEndsAt),
    lastUsedAt: instantOrNull(key.lastUsedAt),
  }
}

/** The one answer with a token. */
export function issuedKeyJson({ key, token }: IssuedKey): IssuedKeyJson {
  const { id, ...others } = keyJson(key)
  return { id, token, ...others }
}

export function rotatedKeyJson({ key, predecessor, token }: RotatedKey): RotatedKeyJson {
  return { ...issuedKeyJson({ key, token }), predecessor: keyJson(predecessor) }
}

export function rotationJson(rotation: Rotation): RotationJson {
  const { predecessor, successor, usage } = rotation
  return {
    predecessor: keyJson(predecessor),
    successor: successor === null ? null : keyJson(successor),
    endsAt: instant(rotation.endsAt),
    usageSince: instant(usage.since),
    usage: {
      predecessor: usageJson(usage.predecessor),
      successor: usage.successor === null ? null : usageJson(usage.successor),
    },
    safeToEnd: rotation.safeToEnd,
  }
}

function usageJson({ calls, lastUsedAt, lastAddress, lastClient, tools }: KeyUsage) {
  return { calls, lastUsedAt: instantOrNull(lastUsedAt), lastAddress, lastClient, tools }
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
    principal: row.principal,
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
