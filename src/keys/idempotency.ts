import { hash } from 'node:crypto'
import type { ChangePlan, IdempotencyKey, Remembered } from '../domain/key-store.ts'
import { KeysRefused } from './refused.ts'

/** A request that is to have its effect once, however often it is sent. */
export interface AskedOnce {
  idempotencyKey: IdempotencyKey
  /** SHA-256 of what was asked, the operation first. */
  request: Buffer
}

type Asked = readonly [operation: string, ...values: (string | boolean | undefined)[]]

/** Null without an idempotency key. Throws {@link KeysRefused}: `idempotency_key_invalid`. */
export function askedOnce(key: string | undefined, actor: string, asked: Asked): AskedOnce | null {
  if (key === undefined) return null
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new KeysRefused(
      'idempotency_key_invalid',
      'Idempotency-Key',
      'an idempotency key has 1 to 255 visible ASCII characters',
    )
  return { idempotencyKey: { actor, key }, request: hash('sha256', JSON.stringify(asked), 'buffer') }
}

/**
 * What this very request has led to before; null where it is new. Throws {@link KeysRefused}:
 * `idempotency_key_reused` where its idempotency key was given to another request.
 */
export function subjectOfRepeat(asked: AskedOnce | null, remembered: Remembered | null): string | null {
  if (asked === null || remembered === null) return null
  if (!asked.request.equals(remembered.request)) {
    throw new KeysRefused(
      'idempotency_key_reused',
      'Idempotency-Key',
      'this idempotency key was given with another request before; take a new one for each new request',
    )
  }
  return remembered.subjectId
}

/** What the store is asked along with a change at `at` (epoch milliseconds). */
export function askedAt(
  asked: AskedOnce | null,
  at: number,
): { at: number; idempotencyKey?: IdempotencyKey } {
  return asked === null ? { at } : { at, idempotencyKey: asked.idempotencyKey }
}

/** What a plan keeps of the request, for its repeats. */
export function memoryOf(
  asked: AskedOnce | null,
  subjectId: string,
  at: number,
): Pick<ChangePlan, 'remember'> {
  return asked === null
    ? {}
    : { remember: { ...asked.idempotencyKey, request: asked.request, subjectId, at } }
}
