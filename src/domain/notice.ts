import { newId } from './id.ts'
import type { SweepFinding } from './notice-store.ts'
import type { ServiceKey, ServiceUser } from './service-key.ts'

/** What owners are told of. `test` is sent by hand, to see whether a channel works. */
export const noticeKinds = [
  'key-created',
  'key-rotated',
  'key-revoked',
  'overlap-ending',
  'overlap-ended',
  'key-expiring',
  'key-expired',
  'key-unused',
  'test',
] as const

export type NoticeKind = (typeof noticeKinds)[number]

/** What a notice tells: a snapshot from when it was written. Instants are epoch milliseconds. Never a secret. */
export interface NoticeFacts {
  serviceUser: string
  owner: string | null
  backupOwner: string | null
  /** The key's label and its token's first characters. */
  keyName: string
  keyStart: string
  expiresAt: number
  retiresAt: number | null
  lastUsedAt: number | null
  /** Who did it, and why; null for what time did. */
  actor: string | null
  reason: string | null
  /** The first characters of the token that it was rotated into. */
  successorStart: string | null
  /** For `key-expiring`: 30, 14, 7 or 1. */
  daysLeft: number | null
}

/** A message that is due to an owner, once for an occasion. Instants are epoch milliseconds. */
export interface Notice {
  /** UUID v7: deliveries that repeat after a crash carry the same. */
  id: string
  /** What it is about, so that it is written once: such as `key-expiring:<key>:<expiry>:30`. */
  occasion: string
  kind: NoticeKind
  /** Null for `test`. */
  keyId: string | null
  serviceUserId: string | null
  /** Null for a `test` whose e-mail goes to the sender's own address; with another, that is the `owner`. */
  facts: NoticeFacts | null
  createdAt: number
  acknowledgedAt: number | null
  acknowledgedBy: string | null
}

const dayMs = 86_400_000
const warningDays = [1, 7, 14, 30] as const
const unusedMs = 90 * dayMs
/** What ended longer ago is told to nobody: after an upgrade or a long absence it would be a flood of old news. */
const oldNewsMs = 30 * dayMs

/** What happened to a key, and who did it. */
export interface KeyEvent {
  key: ServiceKey
  user: ServiceUser
  actor: string
  reason: string | null
  /** What the key was rotated into; null where it wasn't. */
  successor: ServiceKey | null
}

/** The notice of something that someone did to a key, at `now` (epoch milliseconds): one for each such event. */
export function changeNotice(
  kind: 'key-created' | 'key-rotated' | 'key-revoked',
  { key, user, actor, reason, successor }: KeyEvent,
  now: number,
): Notice {
  const about = kind === 'key-rotated' && successor !== null ? `:${successor.id}` : ''
  const facts = { actor, reason, successorStart: successor?.start ?? null }
  return notice(kind, key, user, `${kind}:${key.id}${about}`, now, facts)
}

/**
 * When the sweep has to look at a key next (epoch milliseconds); null: never again. What is due at `now` counts
 * as seen, but for an overlap that has ended: that is for the sweep to record. Looking earlier does no harm: what
 * lets a key be told of again, such as enabling its service user or undoing its rotation, has it looked at at once.
 */
export function nextDueAt(
  key: ServiceKey,
  now: number,
  { hasSuccessor }: { hasSuccessor: boolean },
): number | null {
  if (key.revokedAt !== null) return null
  if (key.retiresAt !== null && key.retiresAt <= now) return key.retiresAt
  const moments: number[] = []
  if (key.retiresAt !== null) moments.push(key.retiresAt - dayMs, key.retiresAt)
  if (tellsExpiry(key, hasSuccessor))
    moments.push(key.expiresAt, ...thresholds(key).map((threshold) => threshold.at))
  if (key.retiresAt === null && key.expiresAt > now) {
    const unusedAt = unusedSince(key) + unusedMs
    // A stretch that has been told of: the next one can't be over earlier.
    moments.push(unusedAt > now ? unusedAt : now + unusedMs)
  }
  const ahead = moments.filter((at) => at > now)
  return ahead.length === 0 ? null : Math.min(...ahead)
}

/**
 * What a look at a key at `now` (epoch milliseconds) finds. It may find again what an earlier look has found: the
 * occasion is the same then, and is written once. Of several warnings only the most urgent one counts.
 */
export function judge(
  key: ServiceKey,
  user: ServiceUser,
  { hasSuccessor }: { hasSuccessor: boolean },
  now: number,
): SweepFinding {
  const nothing = { keyId: key.id, notices: [], retire: null, nextDueAt: null }
  if (key.revokedAt !== null) return nothing
  const { retiresAt } = key
  if (retiresAt !== null && retiresAt <= now) {
    const ended = notice('overlap-ended', key, user, `overlap-ended:${key.id}:${retiresAt}`, now)
    return {
      ...nothing,
      notices: retiresAt > now - oldNewsMs ? [ended] : [],
      retire: { at: retiresAt, reason: 'rotated: the overlap ended' },
    }
  }
  return {
    ...nothing,
    notices: isDisabled(user, now) ? [] : dueNotices(key, user, hasSuccessor, now),
    nextDueAt: nextDueAt(key, now, { hasSuccessor }),
  }
}

/** A notice that says only that channels work; its e-mail goes to `address`, or to the sender's own. */
export function testNotice(asked: { address: string | null; actor: string }, now: number): Notice {
  const id = newId(now)
  const facts: NoticeFacts = {
    serviceUser: '',
    owner: asked.address,
    backupOwner: null,
    keyName: '',
    keyStart: '',
    expiresAt: now,
    retiresAt: null,
    lastUsedAt: null,
    actor: asked.actor,
    reason: null,
    successorStart: null,
    daysLeft: null,
  }
  return {
    id,
    occasion: `test:${id}`,
    kind: 'test',
    keyId: null,
    serviceUserId: null,
    facts: asked.address === null ? null : facts,
    createdAt: now,
    acknowledgedAt: null,
    acknowledgedBy: null,
  }
}

function dueNotices(key: ServiceKey, user: ServiceUser, hasSuccessor: boolean, now: number): Notice[] {
  const found: Notice[] = []
  const { retiresAt, expiresAt } = key
  if (
    retiresAt !== null &&
    retiresAt - dayMs <= now &&
    key.lastUsedAt !== null &&
    key.lastUsedAt > now - dayMs
  )
    found.push(notice('overlap-ending', key, user, `overlap-ending:${key.id}:${retiresAt}`, now))
  if (tellsExpiry(key, hasSuccessor)) {
    const passed = thresholds(key).find((threshold) => threshold.at <= now)
    if (expiresAt <= now) {
      if (expiresAt > now - oldNewsMs)
        found.push(notice('key-expired', key, user, `key-expired:${key.id}:${expiresAt}`, now))
    } else if (passed !== undefined) {
      const occasion = `key-expiring:${key.id}:${expiresAt}:${passed.daysLeft}`
      found.push(notice('key-expiring', key, user, occasion, now, { daysLeft: passed.daysLeft }))
    }
  }
  const since = unusedSince(key)
  if (retiresAt === null && expiresAt > now && since + unusedMs <= now)
    found.push(notice('key-unused', key, user, `key-unused:${key.id}:${since}`, now))
  return found
}

/** A rotated key is replaced already; nobody needs to be told that it would have expired. */
function tellsExpiry(key: ServiceKey, hasSuccessor: boolean): boolean {
  return key.retiresAt === null || (!hasSuccessor && key.expiresAt < key.retiresAt)
}

/** The warnings before the expiry that lie after the key's creation, most urgent first. */
function thresholds(key: ServiceKey): { daysLeft: number; at: number }[] {
  return warningDays
    .map((daysLeft) => ({ daysLeft, at: key.expiresAt - daysLeft * dayMs }))
    .filter(({ at }) => at > key.createdAt)
}

function unusedSince(key: ServiceKey): number {
  return key.lastUsedAt ?? key.createdAt
}

function isDisabled(user: ServiceUser, now: number): boolean {
  return user.disabledAt !== null && user.disabledAt <= now
}

function notice(
  kind: NoticeKind,
  key: ServiceKey,
  user: ServiceUser,
  occasion: string,
  now: number,
  more: Partial<NoticeFacts> = {},
): Notice {
  return {
    id: newId(now),
    occasion,
    kind,
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
      actor: null,
      reason: null,
      successorStart: null,
      daysLeft: null,
      ...more,
    },
    createdAt: now,
    acknowledgedAt: null,
    acknowledgedBy: null,
  }
}
