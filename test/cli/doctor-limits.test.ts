import { describe, expect, it, test } from 'vitest'
import { checkLimits, findingOfMemory, findingOfRedis } from '../../src/cli/doctor/limits.ts'
import { parseConfig } from '../../src/config.ts'

describe('doctor on limits', () => {
  test.each([
    [0, 'ok', 'one process'],
    [1, 'ok', 'one process'],
    [2, 'warning', 'POSTERN_REDIS_URL'],
    [5, 'warning', '5 times'],
  ])('in memory with %d live nodes: %s', (live, level, text) => {
    const finding = findingOfMemory(live)
    expect(finding.level).toBe(level)
    expect(finding.message).toContain(text)
  })

  it('says what a Redis that is away means', () => {
    expect(findingOfRedis(null, 'refuse').level).toBe('ok')
    expect(findingOfRedis('ECONNREFUSED', 'refuse')).toMatchObject({ level: 'error' })
    expect(findingOfRedis('ECONNREFUSED', 'refuse').message).toContain('are refused')
    expect(findingOfRedis('ECONNREFUSED', 'allow').message).toContain('each node limits by itself')
  })

  it('finds a Redis that is not there', async () => {
    const config = parseConfig({ limits: { redis: 'redis://127.0.0.1:1' } }, {}, '/srv')
    const [finding] = await checkLimits(config, null)
    expect(finding).toMatchObject({ check: 'limits', level: 'error' })
  })

  it('says where calls under way can not be limited', async () => {
    const settings = {
      admin: { forwardAuth: 'nginx' },
      trustedProxies: ['10.0.0.1'],
      limits: { perKey: { concurrent: 2 } },
    }
    const findings = await checkLimits(parseConfig(settings, {}, '/srv'), null)
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'warning'])
  })
})
