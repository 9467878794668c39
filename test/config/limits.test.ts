import { describe, expect, it, test } from 'vitest'
import { ConfigInvalid, parseConfig } from '../../src/config.ts'

const limitsOf = (limits: object, env: Record<string, string> = {}) =>
  parseConfig({ limits }, env, '/srv').limits

function problemsOf(limits: object, env: Record<string, string> = {}): string {
  try {
    limitsOf(limits, env)
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems.join('\n')
    throw error
  }
  return ''
}

describe('the settings of limits', () => {
  it('are read', () => {
    const limits = limitsOf({
      redis: 'rediss://user:secret@host:6380/1',
      whenAway: 'allow',
      perKey: { rate: '600/m', burst: 100, concurrent: 20, daily: 100, monthly: 1000 },
      perAddress: { rate: '20/s' },
      selfRotation: '2/d',
      badKeys: { perPeer: '5/m' },
    })
    expect(limits).toMatchObject({
      redis: 'rediss://user:secret@host:6380/1',
      whenAway: 'allow',
      perKey: {
        rate: { points: 600, perSeconds: 60, burst: 100 },
        concurrent: 20,
        daily: 100,
        monthly: 1000,
      },
      perAddress: { points: 20, perSeconds: 1 },
      selfRotation: { points: 2, perSeconds: 86_400 },
      badKeys: { perPeer: { points: 5, perSeconds: 60 }, perNode: { points: 200, perSeconds: 1 } },
    })
  })

  it('take Redis from the environment over the file', () => {
    const env = { POSTERN_REDIS_URL: 'redis://env:6379' }
    expect(limitsOf({ redis: 'redis://file:6379' }, env).redis).toBe('redis://env:6379')
    expect(limitsOf({}, env).redis).toBe('redis://env:6379')
    expect(limitsOf({}, { POSTERN_REDIS_URL: '' }).redis).toBeNull()
  })

  test.each<[object, string]>([
    [{ perKey: { rate: 'fast' } }, 'limits.perKey.rate is "fast": must be calls and a time'],
    [{ perKey: { burst: 3 } }, 'limits.perKey.burst is 3: has no use without a rate'],
    [{ perKey: { concurrent: 0 } }, 'limits.perKey.concurrent is 0: must be a whole number'],
    [{ perAddress: {} }, 'limits.perAddress.rate is missing'],
    [{ perAddress: { rate: '0/s' } }, 'must let through 1 to'],
    [{ selfRotation: 10 }, 'limits.selfRotation is 10: must be calls and a time'],
    [{ badKeys: { perNode: '1/2d' } }, 'must be about 1 second to 1 day'],
    [{ whenAway: 'ignore' }, 'limits.whenAway is "ignore": must be "refuse" or "allow"'],
    [{ perKey: { weekly: 1 } }, 'limits.perKey.weekly is no setting'],
  ])('%j stop the start, and say what would be right', (limits, problem) => {
    expect(problemsOf(limits)).toContain(problem)
  })

  test.each(['http://user:canary@host', 'redis//user:canary@host', 'canary'])(
    'a URL that is none is named without its secret: %s',
    (redis) => {
      const problems = [problemsOf({ redis }), problemsOf({}, { POSTERN_REDIS_URL: redis })].join('\n')
      expect(problems).toContain('must be a Redis URL')
      expect(problems).toContain('POSTERN_REDIS_URL')
      expect(problems).not.toContain('canary')
    },
  )
})
