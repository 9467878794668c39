import { parseDurationMs } from '../domain/duration.ts'
import { nextDueAt } from '../domain/notice.ts'
import {
  decideOverlapEnd,
  decideOverlapExtension,
  livesOnElsewhere,
  refusalOfRevival,
  refusalOfUndo,
  type OverlapDecision,
  type OverlapRefusal,
} from '../domain/overlap.ts'
import type { KeyUsage } from '../domain/ports.ts'
import type { ChangePlan, KeySituation, KeyWithUser } from '../domain/key-store.ts'
import type { ServiceKey, ServiceUser } from '../domain/service-key.ts'
import { parseDay, parseInstant } from './instant.ts'
import { changing, existingKey, keyChange, noSuchKey, viewOf, type KeysParts, type KeyView } from './parts.ts'
import { KeysRefused } from './refused.ts'
import { revocation } from './revoke.ts'
import { rotationRefused } from './rotation-refused.ts'

/** Rotations that were made: each is found by its old key or its new one, and its overlap can be changed. */
export interface Overlaps {
  rotation(id: string): Promise<Rotation>
  /** Ends it now. Answers the predecessor, as do the others. */
  endOverlap(id: string, actor: string): Promise<KeyView>
  /** Extends it `until` a moment, or `for` a time from now; exactly one of them is given. */
  extendOverlap(id: string, end: { until?: string; for?: string }, actor: string): Promise<KeyView>
  /** Revokes the successor, with all that it minted, and makes the predecessor the one key again. */
  undoRotation(id: string, actor: string): Promise<KeyView>
}

export interface Rotation {
  predecessor: KeyView
  /** Null where it is revoked. */
  successor: KeyView | null
  /** When the predecessor ends (epoch milliseconds). */
  endsAt: number
  /** What both did since `since` (epoch milliseconds). */
  usage: { since: number; predecessor: KeyUsage; successor: KeyUsage | null }
  /** Whether nobody has called with the predecessor since then. */
  safeToEnd: boolean
}

const usageMs = 86_400_000

/** Overlaps over a store. */
export function createOverlaps({ store, trail, clock, policy }: KeysParts): Overlaps {
  /** The rotation of a key: the one that replaced it, else the one that made it. */
  async function pairOf(id: string): Promise<{ predecessor: KeyWithUser; successor: KeyWithUser | null }> {
    const found = await existingKey(store, id)
    if (found.key.retiresAt !== null)
      return { predecessor: found, successor: await store.findSuccessor(found.key.id) }
    const predecessor = found.key.predecessorId === null ? null : await store.findKey(found.key.predecessorId)
    if (predecessor === null || predecessor.key.retiresAt === null || found.key.revokedAt !== null)
      throw rotationRefused('not_rotated', null, policy)
    return { predecessor, successor: found }
  }

  async function moveEnd(
    id: string,
    decide: (situation: KeySituation, now: number) => OverlapDecision,
    actor: string,
  ): Promise<KeyView> {
    const keyId = (await pairOf(id)).predecessor.key.id
    const now = clock.now()
    return await changing(() =>
      store.changeKeys({ keyId }, { at: now }, (situation) => {
        const decision = decide(situation, now)
        if ('refused' in decision) throw rotationRefused(decision.refused, null, policy)
        if (situation.key === null) throw noSuchKey()
        const { user } = situation
        const key = { ...situation.key, retiresAt: decision.endsAt }
        const reason = `the overlap ends at ${new Date(decision.endsAt).toISOString()}`
        const hasSuccessor = situation.successor !== null
        const plan: ChangePlan = {
          updateKeys: [{ id: keyId, retiresAt: decision.endsAt }],
          changes: [keyChange(keyId, 'overlap-changed', { actor, reason, at: now })],
          schedule: new Map([[keyId, nextDueAt(key, now, { hasSuccessor })]]),
        }
        return { plan, result: viewOf({ key, user }, now) }
      }),
    )
  }

  return {
    async rotation(id) {
      const { predecessor, successor } = await pairOf(id)
      const now = clock.now()
      const since = now - usageMs
      const ids = successor === null ? [predecessor.key.id] : [predecessor.key.id, successor.key.id]
      const [ofPredecessor, ofSuccessor] = await trail.usage(ids, since)
      if (ofPredecessor === undefined || predecessor.key.retiresAt === null)
        throw new Error('the trail answered for fewer keys than it was asked about')
      return {
        predecessor: viewOf(predecessor, now),
        successor: successor === null ? null : viewOf(successor, now),
        endsAt: predecessor.key.retiresAt,
        usage: { since, predecessor: ofPredecessor, successor: ofSuccessor ?? null },
        safeToEnd: ofPredecessor.calls === 0,
      }
    },

    endOverlap: (id, actor) => moveEnd(id, decideOverlapEnd, actor),

    async extendOverlap(id, end, actor) {
      const until = untilOf(end, clock.now())
      return await moveEnd(
        id,
        (situation, now) => decideOverlapExtension(situation, until, policy, now),
        actor,
      )
    },

    async undoRotation(id, actor) {
      const { predecessor, successor } = await pairOf(id)
      const now = clock.now()
      const check = (refused: OverlapRefusal | null) => {
        if (refused !== null) throw rotationRefused(refused, null, policy)
      }
      const subject = { keyId: (successor ?? predecessor).key.id }
      return await changing(() =>
        store.changeKeys(subject, { at: now }, (situation) => {
          if (livesOnElsewhere(predecessor.key, successor?.key ?? null, situation.line))
            check('successor_rotated')
          if (successor === null) {
            check(refusalOfRevival(situation, policy, now))
            return revived(situation.key, situation.user, actor, now)
          }
          check(refusalOfUndo(situation, now))
          const { key, user, minted } = situation
          if (key === null) throw noSuchKey()
          const end = revocation({ key, user, minted }, { actor, reason: 'rotation undone', at: now })
          const { plan, result } = revived(situation.predecessor, user, actor, now)
          return {
            plan: {
              // First, as one living successor is all that a key may have.
              updateKeys: [...end.updateKeys, ...plan.updateKeys],
              changes: [...end.changes, ...plan.changes],
              notices: end.notices,
              schedule: new Map([...end.schedule, ...plan.schedule]),
            },
            result,
          }
        }),
      )
    },
  }
}

/** What is written when a predecessor is the one key again. */
function revived(predecessor: ServiceKey | null, user: ServiceUser, actor: string, now: number) {
  if (predecessor === null) throw noSuchKey()
  const key = { ...predecessor, retiresAt: null }
  const plan = {
    updateKeys: [{ id: key.id, retiresAt: null }],
    changes: [keyChange(key.id, 'rotation-undone', { actor, reason: null, at: now })],
    // What came due while it was to retire anyway is told now.
    schedule: new Map([[key.id, now]]),
  } satisfies ChangePlan
  return { plan, result: viewOf({ key, user }, now) }
}

function untilOf(end: { until?: string; for?: string }, now: number): number {
  if ((end.until === undefined) === (end.for === undefined))
    throw new KeysRefused('overlap_invalid', 'until', 'give either until, a moment, or for, a duration')
  const at =
    end.until === undefined
      ? laterBy(parseDurationMs((end.for ?? '').trim()), now)
      : (parseDay(end.until.trim())?.end ?? parseInstant(end.until.trim()))
  if (at === null)
    throw new KeysRefused(
      'overlap_invalid',
      end.until === undefined ? 'for' : 'until',
      'the end of an overlap is a duration, such as 7d; a date, such as 2027-06-01 (its end, UTC); or an RFC 3339 instant',
    )
  return at
}

/** Far beyond any policy, and still a date that can be shown. */
function laterBy(ms: number | null, now: number): number | null {
  return ms === null ? null : now + Math.min(ms, 100_000 * 86_400_000)
}
