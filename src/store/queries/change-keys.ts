import type { ChangePlan, KeySituation, KeyStore, KeyUpdate } from '../../domain/key-store.ts'
import type { ServiceKey, ServiceUser } from '../../domain/service-key.ts'
import { instantArray, integerArray, textArray, uuidArray } from '../array.ts'
import { StoreConflict } from '../../domain/ports.ts'
import { collision, instant, violates } from '../database.ts'
import type { Database, Queries } from '../database.ts'
import { recordChanges } from './changes.ts'
import { lockedSituation } from './key-situation.ts'
import { insertNotices } from './notices.ts'
import { setSchedule } from './schedule.ts'
import { isUse } from './usage.ts'

/** The one way in which keys and their service users change. */
export function changeKeysQuery(database: Database): Pick<KeyStore, 'changeKeys'> {
  return {
    changeKeys: (subject, asked, decide) =>
      database.transaction(async (queries) => {
        const situation = await lockedSituation(queries, subject, asked)
        const { plan, result } = decide(situation)
        if (plan !== null) await carryOut(queries, plan, situation)
        return result
      }),
  }
}

/**
 * The rows of keys that are there already come after the counter: whoever waits for the counter holds none that the
 * trail updates with last uses.
 */
async function carryOut(queries: Queries, plan: ChangePlan, situation: KeySituation): Promise<void> {
  for (const { key, digest } of plan.insertKeys ?? []) await insertKey(queries, key, digest)
  await setSchedule(queries, plan.schedule ?? new Map())
  await insertNotices(queries, plan.notices ?? [])
  await remember(queries, plan, situation)
  await recordChanges(queries, plan.changes)
  if (plan.updateUser !== undefined) await updateUser(queries, { ...situation.user, ...plan.updateUser })
  await updateKeys(queries, plan.updateKeys ?? [], situation.user.id)
}

/** The row is locked, so that what stays as it is can be written again. */
async function updateUser(queries: Queries, user: ServiceUser): Promise<void> {
  try {
    await queries.query(
      `UPDATE postern.service_users SET name = $2, owner = $3, backup_owner = $4, customer = $5, disabled_at = $6
       WHERE id = $1`,
      [user.id, user.name, user.owner, user.backupOwner, user.customer, instant(user.disabledAt)],
    )
  } catch (error) {
    if (violates(error, 'service_users_name_unique'))
      throw new StoreConflict('name_taken', 'a service user of this name exists already')
    throw error
  }
}

async function insertKey(queries: Queries, key: ServiceKey, digest: Buffer): Promise<void> {
  await queries.query(
    `INSERT INTO postern.service_api_keys (
       id, service_user_id, hashed_token, expires_at, revoked_at, revoked_reason, retires_at, predecessor_id,
       minted_by, family_ends_at, start, name, grants, created_by, created_at, last_used_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14, $15, $16)`,
    [
      key.id,
      key.serviceUserId,
      digest,
      instant(key.expiresAt),
      instant(key.revokedAt),
      key.revokedReason,
      instant(key.retiresAt),
      key.predecessorId,
      key.mintedBy,
      instant(key.familyEndsAt),
      key.start,
      key.name,
      JSON.stringify(key.grants),
      key.createdBy,
      instant(key.createdAt),
      instant(key.lastUsedAt),
    ],
  )
}

/** Of two requests with one idempotency key for two service users, the later decides again, on what the first did. */
async function remember(queries: Queries, plan: ChangePlan, situation: KeySituation): Promise<void> {
  if (plan.remember === undefined) return
  const { actor, key, request, subjectId, at } = plan.remember
  const written = await queries.query(
    `INSERT INTO postern.idempotency_keys AS i (actor, key, request, subject_id, at)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT ON CONSTRAINT idempotency_keys_once
     DO UPDATE SET request = excluded.request, subject_id = excluded.subject_id, at = excluded.at WHERE $6
     RETURNING i.key`,
    [actor, key, request, subjectId, instant(at), situation.remembered !== null],
  )
  if (written.length === 0) throw collision('the idempotency key was used meanwhile')
}

/**
 * A revocation keeps the first; and a secret is replaced only where the key was still unused, which a batch of the
 * trail may have changed since the decision.
 */
async function updateKeys(
  queries: Queries,
  updates: readonly KeyUpdate[],
  serviceUserId: string,
): Promise<void> {
  if (updates.length === 0) return
  const texts = (read: (update: KeyUpdate) => string | null): Buffer => textArray(updates.map(read))
  const updated = await queries.query(
    `WITH asked AS (
       SELECT * FROM unnest($2::uuid[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[],
                            $8::text[], $9::text[], $10::text[])
         AS asked (id, sets_retires_at, retires_at, revoked_at, revoked_reason, digest, start, name, grants)
     ), locked AS MATERIALIZED (
       SELECT k.id FROM postern.service_api_keys k JOIN asked ON asked.id = k.id
       WHERE k.service_user_id = $1 AND (asked.digest IS NULL OR k.last_used_at IS NULL AND NOT EXISTS (
         SELECT 1 FROM postern.trail_calls c WHERE c.key_id = k.id AND ${isUse}
       ))
       ORDER BY k.id FOR NO KEY UPDATE OF k
     )
     UPDATE postern.service_api_keys k SET
       retires_at = CASE WHEN asked.sets_retires_at = 1 THEN asked.retires_at ELSE k.retires_at END,
       revoked_at = coalesce(k.revoked_at, asked.revoked_at),
       revoked_reason = coalesce(k.revoked_reason, asked.revoked_reason),
       hashed_token = coalesce(decode(asked.digest, 'hex'), k.hashed_token),
       start = coalesce(asked.start, k.start),
       name = coalesce(asked.name, k.name),
       grants = coalesce(asked.grants::jsonb, k.grants)
     FROM asked JOIN locked ON locked.id = asked.id WHERE k.id = locked.id
     RETURNING k.id`,
    [
      serviceUserId,
      uuidArray(updates.map(({ id }) => id)),
      integerArray(updates.map(({ retiresAt }) => (retiresAt === undefined ? 0 : 1))),
      instantArray(updates.map(({ retiresAt }) => retiresAt ?? null)),
      instantArray(updates.map(({ revoked }) => revoked?.at ?? null)),
      texts(({ revoked }) => revoked?.reason ?? null),
      texts(({ secret }) => secret?.digest.toString('hex') ?? null),
      texts(({ secret }) => secret?.start ?? null),
      texts(({ name }) => name ?? null),
      texts(({ grants }) => (grants === undefined ? null : JSON.stringify(grants))),
    ],
  )
  if (updated.length === updates.length) return
  if (updates.some(({ secret }) => secret !== undefined)) throw collision('the key was used meanwhile')
  throw new Error('a plan names a key that is not one of its service user')
}
