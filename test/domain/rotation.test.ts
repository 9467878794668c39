import { describe, expect, test } from 'vitest'
import {
  decideOverlapEnd,
  decideOverlapExtension,
  refusalOfRevival,
  refusalOfUndo,
} from '../../src/domain/overlap.ts'
import type { KeySituation } from '../../src/domain/key-store.ts'
import { decideRotation, type RotationRequest } from '../../src/domain/rotation.ts'
import type { ServiceKey, ServiceUser } from '../../src/domain/service-key.ts'

const dayMs = 86_400_000
const now = Date.parse('2028-02-29T12:00:00Z')
const policy = {
  defaultLifeMs: 180 * dayMs,
  overlapMs: 7 * dayMs,
  maxOverlapMs: 30 * dayMs,
  maxFamilyLifeMs: 1095 * dayMs,
  keysPerServiceUser: 3,
}
const user: ServiceUser = {
  ...{ id: 'user', name: 'bot', owner: 'team@example.com', backupOwner: null, customer: null },
  ...{ createdBy: 'ada', createdAt: now - 90 * dayMs, disabledAt: null },
}
const key: ServiceKey = {
  ...{ id: 'key', serviceUserId: 'user', name: 'desk', start: 'pst_abcd', grants: {}, createdBy: 'ada' },
  ...{ createdAt: now - 60 * dayMs, expiresAt: now + 60 * dayMs, retiresAt: null, revokedAt: null },
  ...{ revokedReason: null, predecessorId: null, mintedBy: null, familyEndsAt: null, lastUsedAt: null },
}
const family = { grants: { selfRotate: true }, familyEndsAt: now + 100 * dayMs } as const
const successor: ServiceKey = { ...key, id: 'next', predecessorId: 'key', createdAt: now - dayMs }

function situation(over: Partial<KeySituation> = {}): KeySituation {
  return {
    ...{
      user,
      key,
      predecessor: null,
      successor: null,
      minted: [],
      line: [],
      activeKeys: 1,
      remembered: null,
      version: 1,
    },
    ...over,
  }
}

const retiring = { ...key, retiresAt: now + dayMs }
const asked: RotationRequest = { by: 'administrator', overlapMs: null, expiresAt: now + dayMs }
const own: RotationRequest = { by: 'itself', isRepeat: false }
const repeat: RotationRequest = { by: 'itself', isRepeat: true }

test.each([
  ['no overlap', { overlapMs: 0 }, 3_600_000],
  ['no overlap at all', { overlapMs: 0, maxOverlapMs: 0 }, 0],
  ['a longer one', {}, 7 * dayMs],
])(
  'where the policy asks for %s, a key that rotates itself works on long enough to ask again',
  (_, over, overlapMs) => {
    const decision = decideRotation(
      situation({ key: { ...key, ...family } }),
      own,
      { ...policy, ...over },
      now,
    )
    expect(decision).toMatchObject({ do: 'rotate', predecessorEndsAt: now + overlapMs })
  },
)

describe('a rotation is allowed', () => {
  test.each<[string, Partial<KeySituation>, RotationRequest, object]>([
    ['of an active key', {}, asked, { predecessorEndsAt: now + policy.overlapMs }],
    ['with no overlap', {}, { ...asked, overlapMs: 0 }, { predecessorEndsAt: now }],
    [
      'with the longest overlap',
      {},
      { ...asked, overlapMs: 30 * dayMs },
      { predecessorEndsAt: now + 30 * dayMs },
    ],
    [
      'of a key that expires within the overlap',
      { key: { ...key, expiresAt: now + 1 } },
      asked,
      { predecessorEndsAt: now + 1 },
    ],
    ['where there are too many keys already', { activeKeys: 99 }, asked, { do: 'rotate' }],
    [
      'by itself, with the grant',
      { key: { ...key, ...family } },
      own,
      { successor: { expiresAt: family.familyEndsAt, familyEndsAt: family.familyEndsAt, mintedBy: 'key' } },
    ],
    [
      'by itself, repeated after it was undone',
      { key: { ...key, ...family } },
      repeat,
      { do: 'rotate', successor: { mintedBy: 'key' } },
    ],
    [
      'by itself, repeated while the successor is unused: with a new secret',
      { key: { ...retiring, ...family }, successor: { ...successor, mintedBy: 'key' } },
      repeat,
      { do: 'reissue', successor: { id: 'next' } },
    ],
  ])('%s', (_, over, request, expected) => {
    expect(decideRotation(situation(over), request, policy, now)).toMatchObject(expected)
  })
})

describe('a rotation is refused', () => {
  const minted = { ...successor, mintedBy: 'key' }
  const self = { ...retiring, ...family }
  test.each<[string, string, Partial<KeySituation>, RotationRequest]>([
    ['not_found', 'of no key', { key: null }, asked],
    ['key_revoked', 'of a revoked key', { key: { ...key, revokedAt: now - 1 } }, asked],
    [
      'key_revoked',
      'of one revoked by a clock that is ahead',
      { key: { ...key, revokedAt: now + 1 } },
      asked,
    ],
    ['key_expired', 'of an expired key', { key: { ...key, expiresAt: now } }, asked],
    ['service_user_disabled', 'of a disabled service user', { user: { ...user, disabledAt: now } }, asked],
    ['already_rotated', 'of a retiring key', { key: retiring, successor }, asked],
    ['already_rotated', 'of a retiring key whose successor is revoked', { key: retiring }, asked],
    ['already_rotated', 'of a retired key', { key: { ...key, retiresAt: now }, successor }, asked],
    ['key_retired', 'of a retired key without a successor', { key: { ...key, retiresAt: now } }, asked],
    ['overlap_too_long', 'with too long an overlap', {}, { ...asked, overlapMs: 30 * dayMs + 1 }],
    ['rotation_not_granted', 'by itself, without the grant', {}, own],
    [
      'rotation_not_granted',
      'by itself, with the grant and no family',
      { key: { ...key, grants: { selfRotate: true } } },
      own,
    ],
    ['family_ended', 'by itself, at the end', { key: { ...key, ...family, familyEndsAt: now } }, own],
    ['already_rotated', 'by itself, anew', { key: self, successor: minted }, own],
    [
      'already_rotated',
      'by itself, repeated after use',
      { key: self, successor: { ...minted, lastUsedAt: now } },
      repeat,
    ],
    ['already_rotated', "by itself, after an administrator's", { key: self, successor }, repeat],
    [
      'already_rotated',
      'by itself, repeated after the successor went on',
      { key: self, successor: { ...minted, retiresAt: now + 1 } },
      repeat,
    ],
    [
      'already_rotated',
      'by itself, repeated when retired',
      { key: { ...self, retiresAt: now }, successor: minted },
      repeat,
    ],
    ['service_user_disabled', 'by itself, disabled', { user: { ...user, disabledAt: 1 }, key: self }, repeat],
  ])('%s: %s', (code, _, over, request) => {
    const successorId = code === 'already_rotated' ? (over.successor?.id ?? null) : null
    expect(decideRotation(situation(over), request, policy, now)).toEqual({ do: 'refuse', code, successorId })
  })
})

describe('an overlap', () => {
  const rotated = situation({ key: retiring, successor })
  const latest = successor.createdAt + policy.maxOverlapMs

  test.each<[string, Partial<ServiceKey>]>([
    ['not_rotated', { retiresAt: null }],
    ['overlap_over', { retiresAt: now }],
    ['overlap_over', { expiresAt: now }],
    ['overlap_over', { retiresAt: now, revokedAt: now }],
    ['key_revoked', { revokedAt: now - 1 }],
    ['key_revoked', { retiresAt: null, revokedAt: now - 1 }],
  ])('can not be changed: %s, %j', (refused, over) => {
    const other = { ...rotated, key: { ...retiring, ...over } }
    expect(decideOverlapEnd(other, now)).toEqual({ refused })
    expect(decideOverlapExtension(other, now + 2 * dayMs, policy, now)).toEqual({ refused })
    expect(refusalOfRevival({ ...other, successor: null }, policy, now)).toBe(refused)
    expect(refusalOfUndo(situation({ key: successor, predecessor: other.key }), now)).toBe(refused)
  })

  test('ends now', () => expect(decideOverlapEnd(rotated, now)).toEqual({ endsAt: now }))

  test.each<[string, number, object]>([
    ['to the maximum from its rotation', latest, { endsAt: latest }],
    ['no further', latest + 1, { refused: 'overlap_too_long' }],
    ['not to now', now, { refused: 'overlap_past' }],
    ['not to what it is', now + dayMs, { refused: 'overlap_not_longer' }],
  ])('is extended: %s', (_, until, expected) => {
    expect(decideOverlapExtension(rotated, until, policy, now)).toEqual(expected)
  })

  test("is not extended past the old key's own expiry", () => {
    const ending = { ...rotated, key: { ...retiring, expiresAt: now + 2 * dayMs } }
    expect(decideOverlapExtension(ending, now + 9 * dayMs, policy, now)).toEqual({ endsAt: now + 2 * dayMs })
  })

  test.each<[string | null, string, Partial<KeySituation>]>([
    [null, 'as it stands', {}],
    [null, 'its successor minted another', { key: retiring, successor: { ...successor, mintedBy: 'key' } }],
    ['successor_rotated', 'its successor was rotated', { key: retiring, successor }],
    ['not_rotated', 'its successor is revoked', { key: { ...key, revokedAt: 1 } }],
    ['not_rotated', 'it has no predecessor', { predecessor: null }],
  ])('%s: undone, %s', (refused, _, over) => {
    expect(refusalOfUndo(situation({ predecessor: { ...retiring, id: 'old' }, ...over }), now)).toBe(refused)
  })

  test('is not undone into more keys than there may be', () => {
    const alone = { ...rotated, successor: null }
    expect(refusalOfRevival({ ...alone, activeKeys: 2 }, policy, now)).toBe(null)
    expect(refusalOfRevival({ ...alone, activeKeys: 3 }, policy, now)).toBe('too_many_keys')
  })
})
