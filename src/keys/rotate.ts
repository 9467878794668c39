import { isId, newId } from '../domain/id.ts'
import { changeNotice, nextDueAt } from '../domain/notice.ts'
import type { ChangePlan, Decision, KeySituation } from '../domain/key-store.ts'
import { decideRotation, type RotationDecision, type RotationRequest } from '../domain/rotation.ts'
import {
  hashToken,
  newToken,
  startOfToken,
  type ServiceKey,
  type ServiceUser,
} from '../domain/service-key.ts'
import { parseDurationMs } from '../domain/duration.ts'
import { expiryAt, familyLife } from './expiry.ts'
import { askedAt, askedOnce, memoryOf, subjectOfRepeat, type AskedOnce } from './idempotency.ts'
import { changing, existingKey, keyChange, noSuchKey, viewOf, type KeysParts, type KeyView } from './parts.ts'
import { rotationRefused } from './rotation-refused.ts'
import { KeysRefused } from './refused.ts'

/** Rotates keys: makes a successor, and gives the predecessor an end. */
export interface Rotate {
  /** With an idempotency key, a repeat answers what the first request made, without a token. */
  rotate(id: string, input: RotateInput, actor: string, idempotencyKey?: string): Promise<RotatedKey>
  /**
   * For a key that rotates itself, which its token has proved. While the successor is unused, a repeat with the same
   * idempotency key gives it a new token, so that no lost answer strands anybody; the one before is dead then.
   */
  selfRotate(id: string, idempotencyKey: string): Promise<RotatedKey & { token: string }>
}

export interface RotateInput {
  /** How long both keys work, such as `7d`, or `0` for a leak; without it, what the policy says. */
  overlap?: string
  expires?: string
}

export interface RotatedKey {
  /** The successor. */
  key: KeyView
  predecessor: KeyView
  /** The successor's secret, in this answer and nowhere else, ever; null where the request is a repeat. */
  token: string | null
}

/** Rotations over a store. */
export function createRotate({ store, clock, policy, prefixes }: KeysParts): Rotate {
  return {
    async rotate(id, { overlap, expires }, actor, idempotencyKey) {
      if (!isId(id)) throw noSuchKey()
      const now = clock.now()
      const overlapMs = overlap === undefined ? null : overlapMsOf(overlap)
      const asked = askedOnce(idempotencyKey, actor, ['rotate', id, overlap, expires])

      const made = await changing(() =>
        store.changeKeys({ keyId: id }, askedAt(asked, now), (situation): Decision<Rotated | Repeated> => {
          const repeated = subjectOfRepeat(asked, situation.remembered)
          if (repeated !== null) return { plan: null, result: { repeated } }
          const life = situation.key?.grants.selfRotate === true ? familyLife(policy) : policy
          const request: RotationRequest = {
            by: 'administrator',
            overlapMs,
            expiresAt: expiryAt(expires, life, now),
          }
          return written(situation, decideRotation(situation, request, policy, now), actor, asked, now)
        }),
      )
      if (!('repeated' in made)) return answerOf(made, now)
      const [successor, predecessor] = [await existingKey(store, made.repeated), await existingKey(store, id)]
      return { key: viewOf(successor, now), predecessor: viewOf(predecessor, now), token: null }
    },

    async selfRotate(id, idempotencyKey) {
      if (!isId(id)) throw noSuchKey()
      const now = clock.now()
      const actor = `service-key:${id}`
      const asked = askedOnce(idempotencyKey, actor, ['self-rotate', id])

      const made = await changing(() =>
        store.changeKeys({ keyId: id }, askedAt(asked, now), (situation) => {
          const repeated = subjectOfRepeat(asked, situation.remembered)
          // A rotation that was undone since is made again.
          const isRepeat = repeated !== null && repeated === situation.successor?.id
          const decision = decideRotation(situation, { by: 'itself', isRepeat }, policy, now)
          return written(situation, decision, actor, asked, now)
        }),
      )
      return answerOf(made, now)
    },
  }

  /** The plan of a decision. Throws {@link KeysRefused} where it refuses. */
  function written(
    { key: predecessor, user }: KeySituation,
    decision: RotationDecision,
    actor: string,
    asked: AskedOnce | null,
    now: number,
  ): Decision<Rotated> {
    if (decision.do === 'refuse') throw rotationRefused(decision.code, decision.successorId, policy)
    if (predecessor === null) throw noSuchKey()
    const token = newToken(prefixes[0])
    const secret = { digest: hashToken(token), start: startOfToken(token) }
    const by = { actor, reason: null, at: now }

    if (decision.do === 'reissue') {
      const key = { ...decision.successor, start: secret.start }
      const plan: ChangePlan = {
        updateKeys: [{ id: key.id, secret }],
        changes: [keyChange(key.id, 'secret-reissued', by)],
      }
      return { plan, result: { key, predecessor, user, token } }
    }

    const retiring = { ...predecessor, retiresAt: decision.predecessorEndsAt }
    const key: ServiceKey = {
      ...decision.successor,
      id: newId(now),
      start: secret.start,
      createdBy: actor,
      createdAt: now,
      retiresAt: null,
      revokedAt: null,
      revokedReason: null,
      lastUsedAt: null,
    }
    const event = { key: retiring, user, actor, reason: null, successor: key }
    const until = `the overlap ends at ${new Date(retiring.retiresAt).toISOString()}`
    const plan: ChangePlan = {
      insertKeys: [{ key, digest: secret.digest }],
      updateKeys: [{ id: retiring.id, retiresAt: retiring.retiresAt }],
      changes: [
        keyChange(retiring.id, 'rotated', { ...by, reason: until }),
        keyChange(key.id, 'created', by),
      ],
      notices: [changeNotice('key-rotated', event, now)],
      schedule: new Map([
        [retiring.id, nextDueAt(retiring, now, { hasSuccessor: true })],
        [key.id, nextDueAt(key, now, { hasSuccessor: false })],
      ]),
      ...memoryOf(asked, key.id, now),
    }
    return { plan, result: { key, predecessor: retiring, user, token } }
  }
}

interface Rotated {
  key: ServiceKey
  predecessor: ServiceKey
  user: ServiceUser
  token: string
}

interface Repeated {
  repeated: string
}

function answerOf({ key, predecessor, user, token }: Rotated, now: number): RotatedKey & { token: string } {
  return { key: viewOf({ key, user }, now), predecessor: viewOf({ key: predecessor, user }, now), token }
}

function overlapMsOf(overlap: string): number {
  const text = overlap.trim()
  const ms = text === '0' ? 0 : parseDurationMs(text)
  if (ms === null)
    throw new KeysRefused('overlap_invalid', 'overlap', 'overlap must be a duration, such as 7d, 12h or 0')
  return ms
}
