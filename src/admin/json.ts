import type { TrailRow } from '../domain/call.ts'
import { formatRate, type KeyLimits } from '../domain/limit.ts'
import type { KeyUsage, Page } from '../domain/ports.ts'
import type { Change, VersionedUser } from '../domain/key-store.ts'
import type { IssuedKey } from '../keys/issue.ts'
import type { Rotation } from '../keys/overlap.ts'
import type { ListedKeyView } from '../keys/keys.ts'
import type { KeyView } from '../keys/parts.ts'
import type { RotatedKey } from '../keys/rotate.ts'
import type { CallJson } from './schemas-audit.ts'
import type { ChangeJson } from './schemas-changes.ts'
import type { PageJson } from './schemas-common.ts'
import type {
  IssuedKeyJson,
  KeyJson,
  LimitsJson,
  ListedKeyJson,
  RotatedKeyJson,
  RotationJson,
} from './schemas-keys.ts'
import type { ServiceUserJson } from './schemas-service-users.ts'

/** What the rooms answer, as the API gives it: field by field, so that nothing new slips out unnoticed. */

/** As RFC 3339. */
export function instant(at: number): string {
  return new Date(at).toISOString()
}

export function instantOrNull(at: number | null): string | null {
  return at === null ? null : instant(at)
}

export function serviceUserJson(user: VersionedUser): ServiceUserJson {
  return {
    id: user.id,
    version: user.version,
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
    owner: user.owner,
    backupOwner: user.backupOwner,
    customer: user.customer,
    state,
    createdBy: key.createdBy,
    createdAt: instant(key.createdAt),
    expiresAt: instant(key.expiresAt),
    retiresAt: instantOrNull(key.retiresAt),
    revokedAt: instantOrNull(key.revokedAt),
    revokedReason: key.revokedReason,
    predecessorId: key.predecessorId,
    tools: [...(key.grants.tools ?? [])],
    addresses: [...(key.grants.addresses ?? [])],
    limits: limitsJson(key.grants.limits ?? {}),
    selfRotate: key.grants.selfRotate === true,
    mintedBy: key.mintedBy,
    familyEndsAt: instantOrNull(key.familyEndsAt),
    lastUsedAt: instantOrNull(key.lastUsedAt),
  }
}

function limitsJson({ rate, tools = [], concurrent, daily, monthly }: KeyLimits): LimitsJson {
  return {
    rate: rate === undefined ? null : formatRate(rate),
    burst: rate?.burst ?? null,
    tools: tools.map(({ tool, ...of }) => ({ tool, rate: formatRate(of), burst: of.burst ?? null })),
    concurrent: concurrent ?? null,
    daily: daily ?? null,
    monthly: monthly ?? null,
  }
}

/** A key with what it did lately. */
export function listedKeyJson({
  version,
  calls30d,
  refused30d,
  days,
  ...view
}: ListedKeyView): ListedKeyJson {
  return {
    ...keyJson(view),
    version,
    calls30d,
    refused30d,
    days: days.map(({ day, calls, refused }) => ({ day, calls, refused })),
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

export function historyJson(changes: readonly Change[]): ChangeJson[] {
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
    traceId: row.traceId,
    credentialKind: row.credentialKind,
    keyId: row.keyId,
    serviceUserId: row.serviceUserId,
    principal: row.principal,
    grantsDigest: row.grantsDigest,
    httpMethod: row.httpMethod,
    path: row.path,
    method: row.method,
    tool: row.tool,
    outcome: row.outcome,
    reason: row.reason,
    status: row.status,
    rpcCode: row.rpcCode,
    isToolError: row.isToolError,
    argumentsHmac: row.argumentsHmac,
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
