import { newId } from '../domain/id.ts'
import { changeNotice, nextDueAt } from '../domain/notice.ts'
import type { Decision } from '../domain/key-store.ts'
import {
  hashToken,
  newToken,
  startOfToken,
  type ServiceKey,
  type ServiceUser,
} from '../domain/service-key.ts'
import { expiryAt, familyLife } from './expiry.ts'
import { grantsOf, type AskedGrants } from './grants.ts'
import { askedAt, askedOnce, memoryOf, subjectOfRepeat } from './idempotency.ts'
import { existingKey, keyChange, viewOf, type KeysParts, type KeyView } from './parts.ts'
import { KeysRefused } from './refused.ts'
import type { ServiceUsers } from './service-users.ts'
import { nameOf } from './text.ts'

/** Issues a key. With an idempotency key, a repeat answers the key that the first request made, without a token. */
export interface IssueKey {
  (input: IssueInput, actor: string): Promise<{ key: KeyView; token: string }>
  (input: IssueInput, actor: string, idempotencyKey: string | undefined): Promise<IssuedKey>
}

export interface IssueInput extends AskedGrants {
  /** Id or name. */
  serviceUser: string
  /** A label; without one the key is called after its service user. */
  name?: string
  expires?: string
}

export interface IssuedKey {
  key: KeyView
  /** The secret, in this answer and nowhere else, ever; null where the request is a repeat. */
  token: string | null
}

interface Made {
  key: ServiceKey
  user: ServiceUser
  token: string
}

/** Issues keys over a store. */
export function createIssue(
  { store, clock, policy, prefixes }: KeysParts,
  { findServiceUser }: Pick<ServiceUsers, 'findServiceUser'>,
): IssueKey {
  async function issue(input: IssueInput, actor: string): Promise<{ key: KeyView; token: string }>
  async function issue(input: IssueInput, actor: string, idempotencyKey?: string): Promise<IssuedKey>
  async function issue(input: IssueInput, actor: string, idempotencyKey?: string): Promise<IssuedKey> {
    const now = clock.now()
    const { expires, selfRotate } = input
    const name = input.name === undefined ? undefined : nameOf(input.name)
    const grants = grantsOf(input)
    const { id: userId } = await findServiceUser(input.serviceUser)
    const asked = askedOnce(idempotencyKey, actor, [
      'issue',
      userId,
      name,
      expires,
      selfRotate,
      JSON.stringify(grants.tools),
      JSON.stringify(grants.addresses),
      JSON.stringify(grants.limits),
    ])

    const made = await store.changeKeys(
      { serviceUserId: userId },
      askedAt(asked, now),
      (situation): Decision<Made | { repeated: string }> => {
        const repeated = subjectOfRepeat(asked, situation.remembered)
        if (repeated !== null) return { plan: null, result: { repeated } }
        const { user, activeKeys } = situation
        const life = selfRotate === true ? familyLife(policy) : policy
        const expiresAt = expiryAt(expires, life, now)
        if (user.disabledAt !== null && user.disabledAt <= now)
          throw new KeysRefused('service_user_disabled', 'serviceUser', 'this service user is disabled')
        if (activeKeys >= policy.keysPerServiceUser) throw tooManyKeys(policy.keysPerServiceUser)

        const token = newToken(prefixes[0])
        const key: ServiceKey = {
          id: newId(now),
          serviceUserId: user.id,
          name: name ?? user.name,
          start: startOfToken(token),
          grants,
          createdBy: actor,
          createdAt: now,
          expiresAt,
          retiresAt: null,
          revokedAt: null,
          revokedReason: null,
          predecessorId: null,
          mintedBy: null,
          familyEndsAt: selfRotate === true ? now + policy.maxFamilyLifeMs : null,
          lastUsedAt: null,
        }
        const event = { key, user, actor, reason: null, successor: null }
        return {
          plan: {
            insertKeys: [{ key, digest: hashToken(token) }],
            changes: [keyChange(key.id, 'created', { actor, reason: null, at: now })],
            notices: [changeNotice('key-created', event, now)],
            schedule: new Map([[key.id, nextDueAt(key, now, { hasSuccessor: false })]]),
            ...memoryOf(asked, key.id, now),
          },
          result: { key, user, token },
        }
      },
    )
    if ('repeated' in made) return { key: viewOf(await existingKey(store, made.repeated), now), token: null }
    return { key: viewOf(made, now), token: made.token }
  }
  return issue
}

export function tooManyKeys(most: number): KeysRefused {
  return new KeysRefused(
    'too_many_keys',
    'serviceUser',
    `this service user has ${most} active keys, which is as many as it may have: revoke one, or raise policy.keysPerServiceUser`,
  )
}
