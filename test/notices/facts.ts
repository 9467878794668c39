import { newId } from '../../src/domain/id.ts'
import type { Notice, NoticeFacts } from '../../src/domain/notice.ts'

const at = Date.parse('2027-05-22T14:03:11Z')

/** A notice for tests. */
export function noticeOf(parts: Partial<Notice> = {}, facts: Partial<NoticeFacts> = {}): Notice {
  const id = newId(at)
  return {
    id,
    occasion: `key-expiring:${id}`,
    kind: 'key-expiring',
    keyId: newId(at),
    serviceUserId: newId(at),
    facts: {
      serviceUser: 'reporter',
      owner: 'team@example.com',
      backupOwner: null,
      keyName: 'nightly',
      keyStart: 'pst_Ab3d',
      expiresAt: at + 7 * 86_400_000,
      retiresAt: null,
      lastUsedAt: null,
      actor: null,
      reason: null,
      successorStart: null,
      daysLeft: 7,
      ...facts,
    },
    createdAt: at,
    acknowledgedAt: null,
    acknowledgedBy: null,
    ...parts,
  }
}
