import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changeNotice, judge, nextDueAt, testNotice, type Notice } from '../../src/domain/notice.ts'
import type { ServiceKey, ServiceUser } from '../../src/domain/service-key.ts'

const day = 86_400_000
const hour = 3_600_000
// Shortly before a leap day, and before clocks change in most zones: all of it is nothing to UTC.
const start = Date.parse('2028-02-20T09:30:00.123Z')
const keyId = '0195a000-0000-7000-8000-000000000001'

function keyOf(parts: Partial<ServiceKey> = {}): ServiceKey {
  return {
    id: keyId,
    serviceUserId: '0195a000-0000-7000-8000-000000000002',
    name: 'nightly',
    start: 'pst_Ab3d',
    grants: {},
    createdBy: 'local:ann',
    createdAt: start,
    expiresAt: start + 180 * day,
    retiresAt: null,
    revokedAt: null,
    revokedReason: null,
    predecessorId: null,
    mintedBy: null,
    familyEndsAt: null,
    lastUsedAt: null,
    ...parts,
  }
}

function userOf(parts: Partial<ServiceUser> = {}): ServiceUser {
  return {
    id: '0195a000-0000-7000-8000-000000000002',
    name: 'reporter',
    owner: 'team@example.com',
    backupOwner: null,
    customer: null,
    createdBy: 'local:ann',
    createdAt: start,
    disabledAt: null,
    ...parts,
  }
}

/** The occasions, without the key's id. */
function found(
  key: ServiceKey,
  at: number,
  user = userOf(),
  hasSuccessor = key.retiresAt !== null,
): string[] {
  return judge(key, user, { hasSuccessor }, at).notices.map(({ occasion }) =>
    occasion.replace(`:${keyId}`, ''),
  )
}

const used = { lastUsedAt: start + 179 * day }
const end = start + 180 * day
const rotated = { retiresAt: start + 17 * day }

describe('what a look finds', () => {
  test.each<[string, Partial<ServiceKey>, number, string[]]>([
    ['nothing of a new key', {}, start, []],
    ['nothing 30 days and a millisecond before the expiry', used, end - 30 * day - 1, []],
    ['a warning 30 days before it', used, end - 30 * day, [`key-expiring:${end}:30`]],
    ['the same warning a day later', used, end - 29 * day, [`key-expiring:${end}:30`]],
    ['14 days', used, end - 14 * day, [`key-expiring:${end}:14`]],
    ['7 days, though nobody looked at 14', used, end - 7 * day, [`key-expiring:${end}:7`]],
    ['only the most urgent after weeks away', used, end - 1, [`key-expiring:${end}:1`]],
    ['the end itself', used, end, [`key-expired:${end}`]],
    ['the end, a week late', used, end + 7 * day, [`key-expired:${end}`]],
    ['nothing of what ended over 30 days ago', used, end + 30 * day, []],
    ['no warning from before the creation', { expiresAt: start + 7 * day }, start + 1, []],
    [
      'only those that lie after the creation',
      { expiresAt: start + 7 * day },
      start + 6 * day,
      [`key-expiring:${start + 7 * day}:1`],
    ],
    [
      'an expiry that was moved is another occasion',
      { ...used, expiresAt: end + day },
      end,
      [`key-expiring:${end + day}:1`],
    ],
    ['never used for 90 days', {}, start + 90 * day, [`key-unused:${start}`]],
    ['not before', {}, start + 90 * day - 1, []],
    [
      'unused since its last use',
      { lastUsedAt: start + 5 },
      start + 90 * day + 5,
      [`key-unused:${start + 5}`],
    ],
    ['used again: nothing', { lastUsedAt: start + 89 * day }, start + 90 * day, []],
    ['nothing of a revoked key', { revokedAt: start + day, revokedReason: 'leak' }, end - day, []],
    ['nothing of an expiring key that was rotated', { ...rotated, retiresAt: end + day }, end - 7 * day, []],
    ['nor of its expiry', { ...rotated, retiresAt: end + day }, end - 1, []],
    [
      'an overlap that ends in a day, with the old key in use',
      { ...rotated, lastUsedAt: start + 16 * day - 1 },
      start + 16 * day,
      [`overlap-ending:${start + 17 * day}`],
    ],
    [
      'not with its last use 24 hours ago',
      { ...rotated, lastUsedAt: start + 15 * day },
      start + 16 * day,
      [],
    ],
    ['not if it was never used', rotated, start + 16 * day, []],
    ['not earlier', { ...rotated, lastUsedAt: start + 16 * day - 2 }, start + 16 * day - 1, []],
    ['an overlap that has ended', rotated, start + 17 * day, [`overlap-ended:${start + 17 * day}`]],
    [
      'and that alone',
      { ...rotated, lastUsedAt: start + 17 * day - 1 },
      start + 17 * day,
      [`overlap-ended:${start + 17 * day}`],
    ],
    ['no old news of it', rotated, start + 47 * day, []],
  ])('%s', (_, parts, at, occasions) => {
    expect(found(keyOf(parts), at)).toEqual(occasions)
  })

  test('nothing while the service user is disabled, and the most urgent once it is enabled', () => {
    const disabled = userOf({ disabledAt: start })
    for (const at of [end - 30 * day, end - day, end, start + 90 * day])
      expect(found(keyOf(), at, disabled)).toEqual([])
    // Enabling has it looked at at once.
    expect(found(keyOf(used), end - 2 * day)).toEqual([`key-expiring:${end}:7`])
  })

  test('an overlap that has ended is recorded at its own instant, however late, for a disabled user too', () => {
    for (const user of [userOf(), userOf({ disabledAt: start })]) {
      const finding = judge(keyOf(rotated), user, { hasSuccessor: true }, start + 400 * day)
      expect(finding.retire).toEqual({ at: start + 17 * day, reason: 'rotated: the overlap ended' })
      expect(finding.nextDueAt).toBeNull()
    }
    expect(judge(keyOf(rotated), userOf(), { hasSuccessor: true }, start + 17 * day - 1).retire).toBeNull()
  })

  test('a retiring key whose successor was revoked warns of an expiry that comes first', () => {
    const key = keyOf({ ...used, retiresAt: end + day })
    expect(found(key, end - 7 * day, userOf(), false)).toEqual([`key-expiring:${end}:7`])
  })
})

describe('when to look next', () => {
  test.each<[string, Partial<ServiceKey>, number, number | null]>([
    ['a new key: after 90 days without use', {}, start, start + 90 * day],
    ['told of that: 30 days before the expiry', {}, start + 90 * day, end - 30 * day],
    ['a short key: its first warning', { expiresAt: start + 10 * day }, start, start + 3 * day],
    ['a shorter one: its end', { expiresAt: start + hour }, start, start + hour],
    ['an expired one: never', {}, end, null],
    ['a revoked one: never', { revokedAt: start, revokedReason: 'leak' }, start, null],
    ['a rotated one: a day before the end', rotated, start + 10 * day, start + 16 * day],
    ['then its end', rotated, start + 16 * day, start + 17 * day],
    ['an overlap of a day or less: its end', { retiresAt: start + day }, start, start + day],
    ['no overlap at all: at once', { retiresAt: start }, start, start],
  ])('%s', (_, parts, now, expected) => {
    const key = keyOf(parts)
    expect(nextDueAt(key, now, { hasSuccessor: key.retiresAt !== null })).toBe(expected)
  })
})

describe('over random lives', () => {
  const life = fc.record({
    lifeMs: fc.integer({ min: 1, max: 400 * day }),
    uses: fc.array(fc.integer({ min: 0, max: 400 * day }), { maxLength: 5 }),
    retiresAfterMs: fc.option(fc.integer({ min: 0, max: 400 * day })),
    disabledFrom: fc.option(fc.integer({ min: 0, max: 400 * day })),
    /** How late each look is, in turns. */
    lateMs: fc.array(fc.oneof(fc.integer({ min: 0, max: hour }), fc.integer({ min: 0, max: 60 * day })), {
      minLength: 1,
      maxLength: 12,
    }),
  })
  type Life = typeof life extends fc.Arbitrary<infer T> ? T : never

  /** Sweeps as the store would, with the occasions' uniqueness; answers what each look wrote. */
  function live({ lifeMs, uses, retiresAfterMs, disabledFrom, lateMs }: Life) {
    const looks: { at: number; written: Notice[]; retired: boolean }[] = []
    const occasions = new Set<string>()
    let due: number | null = start
    for (let turn = 0; due !== null; turn += 1) {
      if (turn > 2_000) throw new Error('the sweep never ends')
      const at: number = due + (lateMs[turn % lateMs.length] ?? 0)
      const past = uses.map((use) => start + use).filter((use) => use <= at)
      const retiring = retiresAfterMs !== null && start + Math.min(retiresAfterMs, lifeMs) / 2 <= at
      const key = keyOf({
        expiresAt: start + lifeMs,
        lastUsedAt: past.length === 0 ? null : Math.max(...past),
        retiresAt: retiring ? start + retiresAfterMs : null,
      })
      const user = userOf({ disabledAt: disabledFrom === null ? null : start + disabledFrom })
      const finding = judge(key, user, { hasSuccessor: retiring }, at)
      const written = finding.notices.filter(({ occasion }) => !occasions.has(occasion))
      for (const { occasion } of written) occasions.add(occasion)
      looks.push({ at, written, retired: finding.retire !== null })
      if (finding.nextDueAt !== null) expect(finding.nextDueAt).toBeGreaterThan(at)
      due = finding.nextDueAt
    }
    return { looks, notices: looks.flatMap(({ written }) => written) }
  }

  test('no look writes more than one warning of an expiry and one other notice', () => {
    fc.assert(
      fc.property(life, (each) => {
        for (const { written } of live(each).looks) {
          const expiry = written.filter(({ kind }) => kind === 'key-expiring' || kind === 'key-expired')
          expect(expiry.length).toBeLessThanOrEqual(1)
          expect(written.length).toBeLessThanOrEqual(2)
        }
      }),
    )
  })

  test('with looks in time each warning after the creation is written once, and then the end', () => {
    fc.assert(
      fc.property(life, (each) => {
        const { notices } = live({ ...each, lateMs: [0], retiresAfterMs: null, disabledFrom: null })
        const expected = [30, 14, 7, 1].filter((days) => each.lifeMs > days * day)
        expect(
          notices.filter(({ kind }) => kind === 'key-expiring').map(({ facts }) => facts?.daysLeft),
        ).toEqual(expected)
        expect(notices.filter(({ kind }) => kind === 'key-expired')).toHaveLength(1)
        for (const { createdAt, facts } of notices.filter(({ kind }) => kind === 'key-expiring'))
          expect(createdAt).toBe(start + each.lifeMs - (facts?.daysLeft ?? 0) * day)
      }),
    )
  })

  test('however late the looks are, warnings only become more urgent, and none comes after the end', () => {
    fc.assert(
      fc.property(life, (each) => {
        const { notices } = live(each)
        const urgency = notices
          .filter(({ kind }) => kind === 'key-expiring' || kind === 'key-expired')
          .map(({ kind, facts }) => (kind === 'key-expired' ? 0 : (facts?.daysLeft ?? NaN)))
        expect(urgency).toEqual([...new Set(urgency)].toSorted((a, b) => b - a))
        for (const { kind, createdAt } of notices.filter(({ kind }) => kind === 'key-expiring'))
          expect([kind, createdAt < start + each.lifeMs]).toEqual([kind, true])
      }),
    )
  })

  test('a rotated key is retired once, in the end', () => {
    fc.assert(
      fc.property(life, (each) => {
        const { looks } = live({
          ...each,
          retiresAfterMs: each.retiresAfterMs ?? 7 * day,
          lateMs: [0, ...each.lateMs],
        })
        const retired = looks.filter((look) => look.retired)
        // Where the key had expired before anyone rotated it in this story, nobody looks any more.
        expect(retired.length).toBeLessThanOrEqual(1)
        if (retired.length === 1) expect(looks.at(-1)?.retired).toBe(true)
      }),
    )
  })

  test('one notice for each stretch of 90 days without use', () => {
    fc.assert(
      fc.property(life, (each) => {
        const { notices } = live({ ...each, retiresAfterMs: null, disabledFrom: null, lateMs: [0] })
        const points = [0, ...each.uses.filter((use) => use < each.lifeMs).toSorted((a, b) => a - b)]
        const stretches = points
          .filter((use, index) => {
            const next = points[index + 1] ?? Infinity
            // A use at the very instant ends the stretch.
            return use + 90 * day < each.lifeMs && use + 90 * day < next
          })
          .map((use) => start + use)
        const unused = notices.filter(({ kind }) => kind === 'key-unused').map(({ occasion }) => occasion)
        expect(unused).toEqual([...new Set(stretches)].map((since) => `key-unused:${keyId}:${since}`))
      }),
    )
  })

  test('a clock that jumps back and forth writes no occasion twice', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 * day }), { maxLength: 40 }), (jumps) => {
        const seen = new Set(jumps.flatMap((jump) => found(keyOf(), start + jump)))
        // Four warnings, the end, and one stretch without use is all that there is in such a life.
        expect(seen.size).toBeLessThanOrEqual(6)
      }),
    )
  })
})

describe('notices of what someone did', () => {
  const successor = keyOf({ id: '0195a000-0000-7000-8000-000000000009', start: 'pst_Zz9x' })
  const event = { key: keyOf(), user: userOf(), actor: 'local:ann', reason: 'leak', successor: null }

  test('one for each event: another successor is another occasion', () => {
    expect(changeNotice('key-created', event, start).occasion).toBe(`key-created:${keyId}`)
    expect(changeNotice('key-revoked', event, start).occasion).toBe(`key-revoked:${keyId}`)
    expect(changeNotice('key-rotated', { ...event, successor }, start).occasion).toBe(
      `key-rotated:${keyId}:${successor.id}`,
    )
  })

  test('they say who, why and what, and hold no secret', () => {
    const { facts, ...rest } = changeNotice('key-rotated', { ...event, successor }, start + 5)
    expect(facts).toMatchObject({
      actor: 'local:ann',
      reason: 'leak',
      successorStart: 'pst_Zz9x',
      keyStart: 'pst_Ab3d',
    })
    expect(rest).toMatchObject({ kind: 'key-rotated', keyId, createdAt: start + 5, acknowledgedAt: null })
  })

  test('a test is one of its own each time, for an address or for the sender itself', () => {
    const one = testNotice({ address: 'x@example.com', actor: 'local:ann' }, start)
    const other = testNotice({ address: null, actor: 'local:ann' }, start)
    expect(one.occasion).not.toBe(other.occasion)
    expect([one.facts?.owner, other.facts, one.keyId]).toEqual(['x@example.com', null, null])
  })
})
