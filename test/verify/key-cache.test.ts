import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChangedSubject, StoredKey } from '../../src/domain/ports.ts'
import { hashToken } from '../../src/domain/service-key.ts'
import type { KeyCache } from '../../src/verify/key-cache.ts'
import { createKeyCache, keyLifeMs, missLifeMs } from '../../src/verify/key-cache.ts'
import { createFakeClock } from './fake-clock.ts'

const maxKeys = 100_000
const maxMisses = 20_000

function digestOf(number: number): Buffer {
  return hashToken(`token ${number}`)
}

/** Cheap and distinct, for filling the cache to its brim. */
function fillerDigest(number: number): Buffer {
  const digest = Buffer.alloc(32, 7)
  digest.writeUInt32BE(number)
  return digest
}

function keyOf(number: number, digest = digestOf(number)): StoredKey {
  return {
    id: `key-${number}`,
    digest,
    serviceUserId: `user-${number % 2}`,
    customer: null,
    grants: {},
    expiresAt: Number.MAX_SAFE_INTEGER,
    retiresAt: null,
    revokedAt: null,
    userDisabledAt: null,
  }
}

function changeOf(number: number, what: ChangedSubject['what']): ChangedSubject {
  return { epoch: 1, subjectKind: 'service-key', subjectId: `key-${number}`, what }
}

/** The same, without bounds and as plainly as it can be said: entries with the time at which they end. */
function createModel(): KeyCache & { advance(ms: number): void } {
  let now = 0
  const entries = new Map<string, { key: StoredKey | null; endsAt: number }>()
  const drop = (which: (key: StoredKey | null) => boolean) => {
    for (const [name, { key }] of entries) if (which(key)) entries.delete(name)
  }
  return {
    advance(ms) {
      now += ms
    },
    get(digest) {
      const entry = entries.get(digest.toString('hex'))
      return entry === undefined || now >= entry.endsAt ? undefined : entry.key
    },
    set(digest, key) {
      entries.set(digest.toString('hex'), { key, endsAt: now + (key === null ? missLifeMs : keyLifeMs) })
    },
    apply(changes) {
      for (const change of changes === 'all' ? [] : changes) {
        if (change.subjectKind === 'service-user') drop(() => true)
        if (change.what === 'created' || change.what === 'secret-reissued') drop((key) => key === null)
        drop((key) => key?.id === change.subjectId)
      }
      if (changes === 'all') entries.clear()
    },
    size() {
      expect.unreachable()
    },
  }
}

type Step =
  | { do: 'get' | 'set' | 'miss'; number: number }
  | { do: 'advance' | 'shift'; ms: number }
  | { do: 'apply'; changes: ChangedSubject[] | 'all' }

const number = fc.integer({ min: 0, max: 5 })
const what = fc.constantFrom<ChangedSubject['what']>('created', 'revoked', 'secret-reissued', 'rotated')
const change = fc.tuple(number, what).map(([of, kind]) => changeOf(of, kind))
const userChange = fc.constant<ChangedSubject>({
  epoch: 1,
  subjectKind: 'service-user',
  subjectId: 'user-1',
  what: 'created',
})
const wait = fc.oneof(
  fc.constantFrom(1, missLifeMs - 1, missLifeMs, keyLifeMs - 1, keyLifeMs),
  fc.integer({ min: 0, max: keyLifeMs / 2 }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('get' as const), number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('set' as const), number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('miss' as const), number }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: wait }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('shift' as const), ms: fc.integer({ min: -1e7, max: 0 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      changes: fc.oneof(
        { weight: 8, arbitrary: fc.array(change, { maxLength: 3 }) },
        { weight: 1, arbitrary: fc.array(fc.oneof(change, userChange), { maxLength: 3 }) },
        { weight: 1, arbitrary: fc.constant('all' as const) },
      ),
    }),
  },
)

describe('the key cache (T13)', () => {
  it('answers as a map of entries with absolute ends would, reads, clocks set back and all', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = createFakeClock()
        const cache = createKeyCache(clock)
        const model = createModel()
        for (const each of steps) {
          if ('ms' in each) {
            if (each.do === 'shift') clock.shiftWall(each.ms)
            else {
              clock.advance(each.ms)
              model.advance(each.ms)
            }
          } else if (each.do === 'apply') {
            cache.apply(each.changes)
            model.apply(each.changes)
          } else {
            const digest = digestOf(each.number)
            const expected = model.get(digest)
            expect(cache.get(digest)).toEqual(expected)
            // A lookup is made, and its answer written, only where the cache had none; a key may be re-read.
            if (each.do === 'get' || (each.do === 'miss' && expected !== undefined)) continue
            const found = each.do === 'set' ? keyOf(each.number) : null
            cache.set(digest, found)
            model.set(digest, found)
          }
        }
        for (let last = 0; last <= 5; last++)
          expect(cache.get(digestOf(last))).toEqual(model.get(digestOf(last)))
      }),
      { numRuns: 1000 },
    )
  })

  it('counts a life from the write: reads do not lengthen it', () => {
    const clock = createFakeClock()
    const cache = createKeyCache(clock)
    cache.set(digestOf(1), keyOf(1))
    for (let second = 0; second < keyLifeMs / 1000; second++) {
      expect(cache.get(digestOf(1))).not.toBeUndefined()
      clock.advance(1000)
    }
    expect(cache.get(digestOf(1))).toBeUndefined()
    expect(cache.size()).toEqual({ keys: 0, misses: 0 })
  })

  it('ends a life by the wall clock too, when the machine slept', () => {
    const clock = createFakeClock()
    const cache = createKeyCache(clock)
    cache.set(digestOf(1), keyOf(1))
    cache.set(digestOf(2), null)
    clock.sleep(missLifeMs)
    expect(cache.get(digestOf(2))).toBeUndefined()
    expect(cache.get(digestOf(1))).toEqual(keyOf(1))
    clock.sleep(keyLifeMs - missLifeMs)
    expect(cache.get(digestOf(1))).toBeUndefined()
  })

  it('keeps misses for a shorter time than keys', () => {
    expect(missLifeMs).toBeLessThan(keyLifeMs)
  })

  it('knows a digest by all of its bytes', () => {
    const cache = createKeyCache(createFakeClock())
    const digest = digestOf(1)
    cache.set(digest, keyOf(1))
    for (let at = 0; at < digest.length; at++) {
      const near = Buffer.from(digest)
      near.writeUInt8(near.readUInt8(at) ^ 0x80, at)
      expect(cache.get(near)).toBeUndefined()
    }
    expect(cache.get(Buffer.from(digest))).toEqual(keyOf(1))
  })

  it('drops exactly the key that a change touches, and all misses only where one was created', () => {
    const cache = createKeyCache(createFakeClock())
    for (const each of [1, 2, 3]) cache.set(digestOf(each), keyOf(each))
    cache.set(digestOf(4), null)
    cache.apply([changeOf(2, 'revoked'), changeOf(9, 'revoked')])
    expect([1, 2, 3, 4].map((each) => cache.get(digestOf(each)))).toEqual([
      keyOf(1),
      undefined,
      keyOf(3),
      null,
    ])
    cache.apply([changeOf(4, 'created')])
    expect([1, 3, 4].map((each) => cache.get(digestOf(each)))).toEqual([keyOf(1), keyOf(3), undefined])
  })

  it('asks again for a digest that led nowhere once a secret was issued anew, and for the one before it', () => {
    const cache = createKeyCache(createFakeClock())
    cache.set(digestOf(1), keyOf(1))
    cache.set(digestOf(2), null)
    cache.apply([changeOf(1, 'secret-reissued')])
    expect([1, 2].map((each) => cache.get(digestOf(each)))).toEqual([undefined, undefined])
  })

  it('drops everything on a change to a service user, and when it is not known what changed', () => {
    for (const changes of [
      'all' as const,
      [{ epoch: 1, subjectKind: 'service-user' as const, subjectId: 'user-1', what: 'created' as const }],
    ]) {
      const cache = createKeyCache(createFakeClock())
      cache.set(digestOf(1), keyOf(1))
      cache.set(digestOf(2), null)
      cache.apply(changes)
      expect(cache.size()).toEqual({ keys: 0, misses: 0 })
    }
  })

  it('holds a hundred thousand keys at most, and lets go of the least recently used', () => {
    const cache = createKeyCache(createFakeClock())
    for (let each = 0; each < maxKeys; each++) cache.set(fillerDigest(each), keyOf(each, fillerDigest(each)))
    // The two oldest: one is read, one is written anew.
    expect(cache.get(fillerDigest(0))?.id).toBe('key-0')
    cache.set(fillerDigest(1), keyOf(1, fillerDigest(1)))
    expect(cache.size().keys).toBe(maxKeys)
    for (const each of [maxKeys, maxKeys + 1]) cache.set(fillerDigest(each), keyOf(each, fillerDigest(each)))
    expect(cache.size().keys).toBe(maxKeys)
    expect([0, 1, 2, 3, 4].map((each) => cache.get(fillerDigest(each))?.id)).toEqual([
      'key-0',
      'key-1',
      undefined,
      undefined,
      'key-4',
    ])
    // What was let go of leaves nothing behind that a change could trip over.
    cache.set(fillerDigest(2), keyOf(2, fillerDigest(2)))
    cache.apply([changeOf(2, 'revoked')])
    expect(cache.get(fillerDigest(2))).toBeUndefined()
  })

  it('holds twenty thousand misses at most, in a place of their own that pushes out no key', () => {
    const cache = createKeyCache(createFakeClock())
    for (let each = 1; each <= 10; each++) cache.set(digestOf(each), keyOf(each))
    for (let each = 0; each < 3 * maxMisses; each++) cache.set(fillerDigest(each), null)
    expect(cache.size()).toEqual({ keys: 10, misses: maxMisses })
    for (let each = 1; each <= 10; each++) expect(cache.get(digestOf(each))).toEqual(keyOf(each))
    expect(cache.get(fillerDigest(2 * maxMisses - 1))).toBeUndefined()
    // Asked for again, it is no longer the first to go.
    expect(cache.get(fillerDigest(2 * maxMisses))).toBeNull()
    cache.set(digestOf(11), null)
    expect(cache.get(fillerDigest(2 * maxMisses))).toBeNull()
    expect(cache.get(fillerDigest(2 * maxMisses + 1))).toBeUndefined()
  })

  it('answers a key that was a miss before, and holds it once', () => {
    const cache = createKeyCache(createFakeClock())
    cache.set(digestOf(1), null)
    cache.set(digestOf(1), keyOf(1))
    expect(cache.get(digestOf(1))).toEqual(keyOf(1))
    expect(cache.size()).toEqual({ keys: 1, misses: 0 })
  })
})
