import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyState } from '../../src/domain/key-state.ts'
import { createKeys } from '../../src/keys/keys.ts'
import { KeysRefused } from '../../src/keys/refused.ts'
import { createMemoryStore } from './memory-store.ts'
import { dayMs, hourMs, policy } from './policy.ts'

/** Leap days, the days on which clocks are changed somewhere, the turn of a year. */
const starts = [
  '2028-02-28T23:59:59.999Z',
  '2028-02-29T00:00:00Z',
  '2027-02-28T12:00:00Z',
  '2027-03-28T00:59:59.999Z',
  '2026-10-25T00:30:00Z',
  '2026-12-31T23:59:59.999Z',
]

async function openWorld(startsAt: string, rules = policy) {
  const clock = { nowMs: Date.parse(startsAt), now: () => clock.nowMs }
  const store = createMemoryStore()
  const trail = { usage: () => Promise.reject(new Error('not asked here')) }
  const keys = createKeys({ store, trail, clock, policy: rules, prefixes: ['pst'] })
  const user = await keys.createServiceUser({ name: 'bot', owner: 'team@example.com' }, 'ada')
  const tokens = new Map<string, string>()
  const idAt = (index: number) => [...store.keys.keys()][index % store.keys.size] ?? ''

  /** Whether it was done; a refusal is an answer, anything else a failure. */
  async function attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (error instanceof KeysRefused) return false
      throw error
    }
  }
  return { clock, store, keys, user, tokens, idAt, attempt }
}

type World = Awaited<ReturnType<typeof openWorld>>

type Step = {
  of: number
  do: 'rotate' | 'self-rotate' | 'end' | 'extend' | 'undo' | 'wait' | 'to the end' | 'revoke' | 'tidy'
  ms: number
}

const ms = fc.oneof(
  fc.constantFrom(0, 1, hourMs, dayMs, policy.overlapMs, policy.maxOverlapMs, policy.maxOverlapMs + 1000),
  fc.integer({ min: -3 * dayMs, max: 40 * dayMs }),
  fc.constant(0),
)

function steps(...kinds: Step['do'][]) {
  return fc.array(fc.record({ of: fc.nat(3), do: fc.constantFrom(...kinds), ms }), { maxLength: 25 })
}

async function take(world: World, step: Step): Promise<boolean> {
  const { clock, store, keys, tokens, idAt, attempt } = world
  const id = idAt(step.of)
  const keep = async (making: ReturnType<typeof keys.rotate>) => {
    const { key, token } = await making
    tokens.set(key.key.id, token ?? '')
  }
  const length = `${Math.max(0, Math.floor(step.ms / 1000))}s`
  switch (step.do) {
    case 'rotate':
      return await attempt(() => keep(keys.rotate(id, { overlap: length }, 'ada')))
    case 'self-rotate':
      return await attempt(() => keep(keys.selfRotate(id, `${tokens.size}/${clock.nowMs}`)))
    case 'end':
      return await attempt(() => keys.endOverlap(id, 'ada'))
    case 'extend':
      return await attempt(() => keys.extendOverlap(id, { for: length }, 'ada'))
    case 'undo':
      return await attempt(() => keys.undoRotation(id, 'ada'))
    case 'revoke':
      return await attempt(() => keys.revoke(id, 'lost', 'ada'))
    case 'wait':
      clock.nowMs += step.ms
      break
    case 'to the end': {
      const end = store.keys.get(id)?.retiresAt
      if (end !== null && end !== undefined) clock.nowMs = end - (step.ms % 2 === 0 ? 0 : 1)
      break
    }
    case 'tidy':
      for (const key of store.keys.values())
        if (key.revokedAt === null && key.retiresAt !== null && key.retiresAt <= clock.nowMs)
          store.touch(key.id, { revokedAt: key.retiresAt, revokedReason: 'rotated: the overlap ended' })
      break
  }
  return true
}

test('whatever the order, one key of a line goes on, its successor is one, and each old key ends to the millisecond (R11)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...starts),
      fc.constantFrom('365d', '8d'),
      steps('rotate', 'rotate', 'end', 'extend', 'undo', 'wait', 'to the end', 'tidy'),
      async (startsAt, expires, all) => {
        const world = await openWorld(startsAt)
        const { clock, store, keys, user, tokens } = world
        const first = await keys.issue({ serviceUser: user.name, expires }, 'ada')
        tokens.set(first.key.key.id, first.token)
        for (const step of all) {
          const before = new Map(store.keys)
          const isDone = await take(world, step)
          // A refusal changes nothing.
          if (!isDone) expect(store.keys).toEqual(before)

          const all = [...store.keys.values()]
          const standing = all.filter(({ revokedAt, retiresAt }) => revokedAt === null && retiresAt === null)
          expect(standing).toHaveLength(1)
          for (const key of standing)
            expect(store.opens(tokens.get(key.id) ?? '', clock.nowMs)).toBe(clock.nowMs < key.expiresAt)
          for (const key of all) {
            const token = tokens.get(key.id) ?? ''
            const successors = all.filter(
              ({ predecessorId, revokedAt, revokedReason }) =>
                predecessorId === key.id && (revokedAt === null || revokedReason !== 'rotation undone'),
            )
            expect(successors).toHaveLength(key.retiresAt === null ? 0 : 1)
            if (key.retiresAt === null) continue
            expect(key.retiresAt).toBeLessThanOrEqual(key.expiresAt)
            const cap = (successors[0]?.createdAt ?? 0) + policy.maxOverlapMs
            expect(key.retiresAt).toBeLessThanOrEqual(cap)
            expect(store.opens(token, key.retiresAt - 1)).toBe(key.revokedAt === null)
            expect(store.opens(token, key.retiresAt)).toBe(false)
          }
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('what a key minted dies with it, has no wider grants, and ends with its family (T33)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...starts),
      steps('self-rotate', 'self-rotate', 'self-rotate', 'rotate', 'undo', 'wait', 'to the end', 'tidy'),
      fc.nat(7),
      async (startsAt, all, stolen) => {
        const world = await openWorld(startsAt, { ...policy, maxFamilyLifeMs: 60 * dayMs })
        const { clock, store, keys, user, tokens, idAt } = world
        const limits = { tools: ['forecast_*', '!forecast_secret'], addresses: ['203.0.113.0/24'] }
        const first = await keys.issue({ serviceUser: user.name, selfRotate: true, ...limits }, 'ada')
        tokens.set(first.key.key.id, first.token)
        for (const step of all) await take(world, step)

        for (const key of store.keys.values()) {
          expect(key.grants).toEqual({ selfRotate: true, ...limits })
          expect(key.familyEndsAt).not.toBe(null)
          expect(key.expiresAt).toBeLessThanOrEqual(key.familyEndsAt ?? 0)
          if (key.mintedBy === null) continue
          const parent = store.keys.get(key.mintedBy)
          expect(key).toMatchObject({ grants: parent?.grants, familyEndsAt: parent?.familyEndsAt })
          expect(key.createdBy).toBe(`service-key:${key.mintedBy}`)
        }

        const id = idAt(stolen)
        const openBefore = [...store.keys.keys()].filter((each) =>
          store.opens(tokens.get(each) ?? '', clock.nowMs),
        )
        await take(world, { do: 'revoke', of: stolen, ms: 0 })
        const isMinted = (each: string | null | undefined): boolean =>
          each === id || (each !== null && each !== undefined && isMinted(store.keys.get(each)?.mintedBy))
        const openAfter = [...store.keys.keys()].filter((each) =>
          store.opens(tokens.get(each) ?? '', clock.nowMs),
        )
        expect(openAfter).toEqual(openBefore.filter((each) => !isMinted(each)))
        for (const key of store.keys.values())
          if (isMinted(key.id)) expect(keyState(key, user, clock.nowMs)).not.toMatch(/active|retiring/)
      },
    ),
    { numRuns: 500 },
  )
})

test('an overlap that outlasts the life of its successor is not undone beside what came of that', async () => {
  const world = await openWorld('2028-02-29T00:00:00Z')
  const { keys, user } = world
  const { key } = await keys.issue({ serviceUser: user.name }, 'ada')
  const successor = await keys.rotate(key.key.id, {}, 'ada')
  const last = await keys.rotate(successor.key.key.id, { overlap: '0' }, 'ada')
  await take(world, { do: 'tidy', of: 0, ms: 0 })
  await expect(keys.undoRotation(key.key.id, 'ada')).rejects.toMatchObject({ code: 'successor_rotated' })
  await keys.revoke(last.key.key.id, 'leaked', 'ada')
  expect((await keys.undoRotation(key.key.id, 'ada')).state).toBe('active')
})

test('each successor of a key that renews itself is the last one before its family ends', async () => {
  const world = await openWorld('2028-02-29T00:00:00Z')
  const { clock, store, keys, user } = world
  const { key } = await keys.issue({ serviceUser: user.name, selfRotate: true }, 'ada')
  const familyEndsAt = clock.nowMs + policy.maxFamilyLifeMs
  let id = key.key.id
  let made = 0
  for (;;) {
    clock.nowMs = (store.keys.get(id)?.expiresAt ?? 0) - 1
    const { key: successor } = await keys.selfRotate(id, `renewal-${made}`)
    made += 1
    id = successor.key.id
    expect(successor.key.expiresAt).toBe(Math.min(clock.nowMs + policy.defaultLifeMs, familyEndsAt))
    if (successor.key.expiresAt === familyEndsAt) break
  }
  expect(made).toBe(6)
  // Even its last one can't go further, and dies with the family.
  clock.nowMs = familyEndsAt - 1
  expect((await keys.selfRotate(id, 'last')).key.key.expiresAt).toBe(familyEndsAt)
  clock.nowMs = familyEndsAt
  for (const each of store.keys.keys())
    await expect(keys.selfRotate(each, 'too late')).rejects.toBeInstanceOf(KeysRefused)
})
