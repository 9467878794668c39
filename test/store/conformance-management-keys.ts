import { describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { newManagementToken, readManagementToken } from '../../src/domain/management-key.ts'
import type { ManagementKey } from '../../src/domain/management-key.ts'
import type { Store } from '../../src/domain/ports.ts'
import { startOfToken } from '../../src/domain/service-key.ts'
import { at } from './records.ts'

/** Management keys: what every engine passes. */
export function managementKeyConformance(current: () => Store): void {
  const keys = () => current().managementKeys

  async function create(over: Partial<ManagementKey> = {}) {
    const token = newManagementToken()
    const digest = readManagementToken(token) ?? Buffer.alloc(0)
    const key: ManagementKey = {
      ...{
        id: newId(at),
        name: 'deploy',
        start: startOfToken(token),
        role: 'admin',
        createdBy: 'person:ada',
      },
      ...{ createdAt: at, expiresAt: at + 99, revokedAt: null, lastUsedAt: null },
      ...over,
    }
    await keys().create(key, digest)
    return { key, digest }
  }

  describe('management keys', () => {
    test('come back as they were stored, by id and by digest, dead ones too, newest first', async () => {
      const { key, digest } = await create({ role: 'auditor', expiresAt: at - 1 })
      const { key: newer } = await create({ id: newId(at + 1) })
      expect(await keys().find(key.id)).toEqual(key)
      expect(await keys().findByDigest(digest)).toEqual(key)
      expect(await keys().findByDigest(Buffer.alloc(32))).toBeNull()
      for (const id of [newId(at), 'no-id']) expect(await keys().find(id)).toBeNull()
      const listed = (await keys().list({ limit: 100 })).data.filter(({ id }) =>
        [key.id, newer.id].includes(id),
      )
      expect(listed).toEqual([newer, key])
      const first = await keys().list({ limit: 1 })
      const second = await keys().list({ limit: 1, cursor: first.nextCursor ?? '' })
      expect(second.data[0]?.id).not.toBe(first.data[0]?.id)
    })

    test('are revoked once, with their history', async () => {
      const { key } = await create()
      const by = { actor: 'person:bo', reason: 'leaked', at: at + 5 }
      expect(await keys().revoke(key.id, by)).toEqual({ ...key, revokedAt: at + 5 })
      expect(await keys().revoke(key.id, { ...by, at: at + 9 })).toEqual({ ...key, revokedAt: at + 5 })
      expect(await current().keys.history(key.id)).toMatchObject([
        { what: 'revoked', subjectKind: 'management-key', actor: 'person:bo', reason: 'leaked', at: at + 5 },
        { what: 'created', subjectKind: 'management-key', actor: 'person:ada', at },
      ])
      for (const id of [newId(at), 'no-id'])
        await expect(keys().revoke(id, by)).rejects.toMatchObject({ code: 'not_found' })
    })

    test('keep the last of their uses, whatever comes first', async () => {
      const { key } = await create()
      for (const used of [at + 5, at + 3]) await keys().noteUse(key.id, used)
      expect(await keys().find(key.id)).toMatchObject({ lastUsedAt: at + 5 })
    })

    test('are no concern of verification: their changes and people’s are not among those that a node polls', async () => {
      const { epoch } = await current().lookups.poll(0)
      await create()
      const poll = await current().lookups.poll(epoch)
      expect(poll).toMatchObject({ epoch: epoch + 1, changes: [] })
    })
  })
}
