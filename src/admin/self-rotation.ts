import { StoreUnavailable } from '../domain/ports.ts'
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
        expiresAt: new Date(key.key.expiresAt).toISOString(),
        predecessorEndsAt: new Date(endsAt).toISOString(),
      }
      return Response.json(made, { status: 201, headers: { 'cache-control': 'no-store' } })
    } catch (error) {
      if (error instanceof KeysRefused) return problemResponse(refusalOfKeys(error))
      onFailure(error)
      // It may have been done: the same Idempotency-Key finds out.
      return error instanceof StoreUnavailable
        ? problemResponse(
            new RequestRefused(
              503,
              'store_unavailable',
              "The database can't be reached right now; try again.",
            ),
            { 'retry-after': '1' },
          )
        : problemResponse(new RequestRefused(500, 'internal_error', 'Postern failed; its log says why.'))
    }
  }
}
