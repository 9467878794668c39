import type { KeyState } from '../domain/key-state.ts'
import { StoreUnavailable, type Clock } from '../domain/ports.ts'
import type { Keys } from '../keys/keys.ts'
import { KeysRefused } from '../keys/refused.ts'
import { problemResponse, refusalOfKeys, RequestRefused } from './problem.ts'

/** What a key that rotates itself is told: its successor, and until when it works on itself. */
export interface SelfRotatedKey {
  id: string
  /** The secret, in this answer and nowhere else. */
  token: string
  /** RFC 3339 instants. */
  expiresAt: string
  predecessorEndsAt: string
}

/** What a key is told of itself, so that whoever holds it can renew it in time. */
export interface OwnKey {
  id: string
  state: KeyState
  /** RFC 3339 instants. */
  createdAt: string
  expiresAt: string
  /** The end of its overlap; null unless it was rotated. */
  retiresAt: string | null
  selfRotate: boolean
  /** Until when it, and what it is rotated into, may go on by rotating itself; null where it may not. */
  renewableUntil: string | null
  /** The server's time, since the holder's clock may be wrong. */
  now: string
}

/** Tells a key about itself; the caller has verified its token. Answers 200 with {@link OwnKey}. Never rejects. */
export function createOwnKeyAnswer(
  keys: Pick<Keys, 'show'>,
  clock: Pick<Clock, 'now'>,
  onFailure: (error: unknown) => void,
): (keyId: string) => Promise<Response> {
  return async (keyId) => {
    try {
      const { key, state } = (await keys.show(keyId)).key
      const selfRotate = key.grants.selfRotate === true && key.familyEndsAt !== null
      const own: OwnKey = {
        id: key.id,
        state,
        createdAt: instant(key.createdAt),
        expiresAt: instant(key.expiresAt),
        retiresAt: key.retiresAt === null ? null : instant(key.retiresAt),
        selfRotate,
        renewableUntil: selfRotate && key.familyEndsAt !== null ? instant(key.familyEndsAt) : null,
        now: instant(clock.now()),
      }
      return Response.json(own, { headers: { 'cache-control': 'no-store' } })
    } catch (error) {
      return failed(error, onFailure)
    }
  }
}

/**
 * Rotates a key for itself; the caller has verified its token. Answers 201 with {@link SelfRotatedKey}, or problem
 * details. Never rejects.
 */
export function createSelfRotationAnswer(
  keys: Pick<Keys, 'selfRotate'>,
  onFailure: (error: unknown) => void,
): (keyId: string, idempotencyKey: string) => Promise<Response> {
  return async (keyId, idempotencyKey) => {
    try {
      const { key, predecessor, token } = await keys.selfRotate(keyId, idempotencyKey)
      const endsAt = predecessor.key.retiresAt ?? predecessor.key.expiresAt
      const made: SelfRotatedKey = {
        id: key.key.id,
        token,
        expiresAt: instant(key.key.expiresAt),
        predecessorEndsAt: instant(endsAt),
      }
      return Response.json(made, { status: 201, headers: { 'cache-control': 'no-store' } })
    } catch (error) {
      // Of a failure, too: it may have been done, and the same Idempotency-Key finds out.
      return failed(error, onFailure)
    }
  }
}

function failed(error: unknown, onFailure: (error: unknown) => void): Response {
  if (error instanceof KeysRefused) return problemResponse(refusalOfKeys(error))
  onFailure(error)
  return error instanceof StoreUnavailable
    ? problemResponse(
        new RequestRefused(503, 'store_unavailable', "The database can't be reached right now; try again."),
        { 'retry-after': '1' },
      )
    : problemResponse(new RequestRefused(500, 'internal_error', 'Postern failed; its log says why.'))
}

function instant(at: number): string {
  return new Date(at).toISOString()
}
