import { isId } from '../domain/id.ts'
import { changeNotice } from '../domain/notice.ts'
import type { ChangePlan } from '../domain/key-store.ts'
import type { ServiceKey, ServiceUser } from '../domain/service-key.ts'
import { changing, keyChange, noSuchKey, viewOf, type KeysParts, type KeyView } from './parts.ts'
import { KeysRefused } from './refused.ts'
import { reasonOf } from './text.ts'

export type RevokeKey = (id: string, reason: string, actor: string) => Promise<KeyView>

/** Revokes keys over a store, each with all that it minted itself (THREATS.md, T33). */
export function createRevoke({ store, clock }: KeysParts): RevokeKey {
  return async (id, reason, actor) => {
    const why = reasonOf(reason)
    if (!isId(id)) throw noSuchKey()
    const now = clock.now()
    return await changing(() =>
      store.changeKeys({ keyId: id }, { at: now }, ({ key, user, minted }) => {
        if (key === null) throw noSuchKey()
        // What a retired key minted lives on, until it turns out that the key was stolen.
        if (key.revokedAt !== null && minted.length === 0)
          throw new KeysRefused('already_revoked', 'id', 'this key is revoked already')
        const end = { revokedAt: now, revokedReason: why }
        return {
          plan: revocation({ key, user, minted }, { actor, reason: why, at: now }),
          result: viewOf({ key: key.revokedAt === null ? { ...key, ...end } : key, user }, now),
        }
      }),
    )
  }
}

/** What is written when a key is revoked: its own end, unless it had one, and that of all that it minted. */
export function revocation(
  { key, user, minted }: { key: ServiceKey; user: ServiceUser; minted: readonly ServiceKey[] },
  { actor, reason, at }: { actor: string; reason: string; at: number },
): Required<Pick<ChangePlan, 'updateKeys' | 'changes' | 'notices' | 'schedule'>> {
  const ends = [
    { key, reason },
    ...minted.map((child) => ({
      key: child,
      reason: `made by the key ${key.id}, which was revoked: ${reason}`,
    })),
  ]
  return {
    updateKeys: ends.map(({ key: { id }, reason: why }) => ({ id, revoked: { at, reason: why } })),
    changes: ends.map(({ key: { id }, reason: why }) => keyChange(id, 'revoked', { actor, reason: why, at })),
    notices: ends.map((end) => changeNotice('key-revoked', { ...end, user, actor, successor: null }, at)),
    schedule: new Map(ends.map((end) => [end.key.id, null])),
  }
}
