import { describe, expect, it } from 'vitest'
import type { ChangedSubject } from '../../src/domain/ports.ts'
import type { Allowed, Reason } from '../../src/domain/verdict.ts'
import { createOpenStreams } from '../../src/gateway/open-streams.ts'

function sceneOf() {
  let now = 1000
  let isFresh = true
  const ended: [string, Reason][] = []
  let verdicts: Record<string, Reason | Promise<Reason | null>> = {}
  const streams = createOpenStreams({
    clock: { now: () => now, monotonic: () => now },
    lease: { isFresh: () => isFresh },
  })
  function open(keyId: string, endsAt: number | null = null) {
    const allowed: Allowed = {
      allowed: true,
      principal: { kind: 'service', id: `user of ${keyId}`, customer: null },
      credentialKind: 'service-key',
      keyId,
      grants: {},
      endsAt,
      recheck: () => verdicts[keyId] ?? null,
    }
    return streams.add(allowed, (reason) => ended.push([keyId, reason]))
  }
  return {
    streams,
    ended,
    open,
    judgeAs: (reasons: typeof verdicts) => {
      verdicts = reasons
    },
    at: (ms: number) => {
      now = ms
    },
    leaseHolds: (holds: boolean) => {
      isFresh = holds
    },
  }
}

const changed = (subjectId: string): ChangedSubject[] => [
  { epoch: 1, subjectKind: 'service-key', subjectId, what: 'revoked' },
]

describe('an open stream', () => {
  it('ends with its key, its service user, or at a change that is not known one by one', () => {
    const scene = sceneOf()
    for (const key of ['a', 'b', 'c', 'd']) scene.open(key)
    scene.judgeAs({ a: 'revoked_key', b: 'service_user_disabled', c: 'retired_key', d: 'revoked_key' })
    scene.streams.apply(changed('a'))
    expect(scene.ended).toEqual([['a', 'revoked_key']])
    scene.streams.apply(changed('user of b'))
    expect(scene.ended).toHaveLength(2)
    scene.streams.apply('all')
    expect(scene.ended).toHaveLength(4)
    expect(scene.streams.size()).toBe(0)
  })

  it('ends where its key was given other grants, and goes on where that cannot be told', () => {
    const scene = sceneOf()
    scene.open('a')
    scene.judgeAs({ a: 'not_fresh' })
    scene.leaseHolds(false)
    scene.streams.apply(changed('a'))
    expect(scene.ended).toEqual([])
    scene.leaseHolds(true)
    scene.streams.apply(changed('a'))
    expect(scene.ended).toEqual([['a', 'not_fresh']])
  })

  it('ends with the overlap of a key that was rotated since it began, of whose end nothing else is told', () => {
    const scene = sceneOf()
    scene.open('a', 1_000_000)
    scene.open('b', 1_000_000)
    scene.streams.apply(changed('a'))
    scene.judgeAs({ a: 'retired_key', b: 'retired_key' })
    scene.at(2000)
    scene.streams.sweep()
    expect(scene.ended).toEqual([['a', 'retired_key']])
  })

  it('ends at once where its key ended while its answer was on its way', () => {
    const scene = sceneOf()
    scene.judgeAs({ a: 'revoked_key' })
    scene.open('a')
    expect(scene.ended).toEqual([['a', 'revoked_key']])
  })

  it('ends by a judgement that has to be waited for', async () => {
    const scene = sceneOf()
    scene.open('a')
    scene.judgeAs({ a: Promise.resolve('revoked_key') })
    scene.streams.apply(changed('a'))
    await Promise.resolve()
    await Promise.resolve()
    await expect.poll(() => scene.ended).toEqual([['a', 'revoked_key']])
  })

  it('ends at the very instant at which its credential does', () => {
    const scene = sceneOf()
    scene.open('a', 2000)
    scene.judgeAs({ a: 'expired_key' })
    scene.at(1999)
    scene.streams.sweep()
    expect(scene.ended).toEqual([])
    scene.at(2000)
    scene.streams.sweep()
    expect(scene.ended).toEqual([['a', 'expired_key']])
  })

  it('outlives a lease for ten seconds, and no longer', () => {
    const scene = sceneOf()
    scene.open('a')
    scene.leaseHolds(false)
    scene.judgeAs({ a: 'not_fresh' })
    scene.streams.apply(changed('a'))
    scene.streams.sweep()
    scene.at(10_999)
    scene.streams.sweep()
    expect(scene.ended).toEqual([])
    scene.leaseHolds(true)
    scene.judgeAs({})
    scene.streams.sweep()
    scene.leaseHolds(false)
    scene.judgeAs({ a: 'not_fresh' })
    scene.at(20_000)
    scene.streams.sweep()
    scene.at(29_999)
    scene.streams.sweep()
    expect(scene.ended).toEqual([])
    scene.at(30_000)
    scene.streams.sweep()
    expect(scene.ended).toEqual([['a', 'not_fresh']])
  })

  it('is forgotten once it is over, and told nothing twice', () => {
    const scene = sceneOf()
    const forget = scene.open('a')
    forget()
    scene.open('b')
    scene.judgeAs({ a: 'revoked_key', b: 'revoked_key' })
    scene.streams.apply('all')
    scene.streams.apply('all')
    scene.streams.sweep()
    expect(scene.ended).toEqual([['b', 'revoked_key']])
  })
})
