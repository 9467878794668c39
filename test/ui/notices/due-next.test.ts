import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noGrants } from '../../../src/domain/grant.ts'
import { keyState } from '../../../src/domain/key-state.ts'
import { judge, nextDueAt } from '../../../src/domain/notice.ts'
import type { ServiceKey, ServiceUser } from '../../../src/domain/service-key.ts'
import { dueNext } from '../../../ui/src/notices/due-next.ts'

const dayMs = 86_400_000
const start = Date.parse('2027-06-01T12:00:00Z')
const user: ServiceUser = {
  id: '0197a000-0000-7000-8000-000000000001',
  name: 'reporting-bot',
  owner: 'team@example.com',
  backupOwner: null,
  customer: null,
  createdBy: 'someone',
  createdAt: start,
  disabledAt: null,
}
const days = (most: number) => fc.integer({ min: 0, max: most * 24 }).map((hours) => (hours * dayMs) / 24)

/** A key, and a moment within its life. */
const keyAtMoment = fc
  .record({ life: days(400), lived: days(400), unused: fc.option(days(100)), overlap: fc.option(days(30)) })
  .map(({ life, lived, unused, overlap }) => {
    const now = start + lived
    const key: ServiceKey = {
      id: '0197a000-0000-7000-8000-000000000002',
      serviceUserId: user.id,
      name: 'key',
      start: 'pst_abcd',
      grants: noGrants,
      createdBy: 'someone',
      createdAt: start,
      expiresAt: start + life,
      // No overlap goes past the key's own expiry.
      retiresAt: overlap === null ? null : Math.min(now + overlap, start + life),
      revokedAt: null,
      revokedReason: null,
      predecessorId: null,
      mintedBy: null,
      familyEndsAt: null,
      lastUsedAt: unused === null ? null : Math.max(start, now - unused),
    }
    return { key, now }
  })

describe('what is due next', () => {
  it('comes when the sweep looks next, and is what it then finds', () => {
    fc.assert(
      fc.property(keyAtMoment, ({ key, now }) => {
        const found = dueNext(asShown(key, now), now)
        if (found === null) return
        const about = { hasSuccessor: key.retiresAt !== null }
        // Once a key has been told of as unused, the sweep looks again before there is anything new to find.
        const isToldUnused = key.retiresAt === null && (key.lastUsedAt ?? start) + 90 * dayMs <= now
        const looksAt = nextDueAt(key, now, about)
        if (isToldUnused) expect(looksAt).toBeLessThanOrEqual(found.atMs)
        else expect(looksAt).toBe(found.atMs)
        // Whoever uses the old key up to its end is warned of it.
        const used = found.kind === 'overlap-ending' ? { ...key, lastUsedAt: found.atMs - 1 } : key
        const notices = judge(used, user, about, found.atMs).notices
        expect(notices.map(({ kind }) => kind)).toContain(found.kind)
        if (found.daysLeft !== null)
          expect(notices.map(({ facts }) => facts?.daysLeft)).toContain(found.daysLeft)
      }),
    )
  })

  it('is there for every key that lives', () => {
    fc.assert(
      fc.property(keyAtMoment, ({ key, now }) => {
        const shown = asShown(key, now)
        const lives = shown.state === 'active' || shown.state === 'retiring'
        expect(dueNext(shown, now) !== null).toBe(lives)
      }),
    )
  })
})

function asShown(key: ServiceKey, now: number) {
  const instant = (at: number) => new Date(at).toISOString()
  return {
    state: keyState(key, user, now),
    createdAt: instant(key.createdAt),
    expiresAt: instant(key.expiresAt),
    retiresAt: key.retiresAt === null ? null : instant(key.retiresAt),
    lastUsedAt: key.lastUsedAt === null ? null : instant(key.lastUsedAt),
  }
}
