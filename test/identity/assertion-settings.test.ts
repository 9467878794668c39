import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ConfigInvalid, parseConfig } from '../../src/config.ts'
import { vectors } from './assertion-vectors.ts'

const route = { path: '/x', accepts: ['service-key'], upstream: 'http://127.0.0.1:3000' }

function problemsOf(input: unknown, env: Record<string, string> = {}): readonly string[] {
  try {
    parseConfig(input, env, '/srv/app')
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems
    throw error
  }
  return []
}

describe('POSTERN_SIGNING_KEY', () => {
  test('goes over the file, keeps its order, and no output shows what is in it', () => {
    const other = Buffer.alloc(32, 7).toString('base64')
    const config = parseConfig({ signingKey: other }, { POSTERN_SIGNING_KEY: `${vectors.pem},${other}` }, '/')
    const seeds = config.signingKeys?.map((key) => key.export({ format: 'jwk' }).d)
    expect(seeds).toEqual(
      [vectors.seed, other].map((seed) => Buffer.from(seed, 'base64').toString('base64url')),
    )
    const shown = inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config)
    for (const seed of [vectors.seed, other]) expect(shown).not.toContain(seed.slice(0, 20))
  })

  test.each(['hunter2', 'pass+word/with=marks', `${vectors.seed}x`, vectors.seedHex, 'x'.repeat(500)])(
    'that is none stops the start without being shown: %s',
    (value) => {
      for (const problems of [
        problemsOf({}, { POSTERN_SIGNING_KEY: value }),
        problemsOf({ signingKey: value }),
      ]) {
        expect(problems).toHaveLength(1)
        expect(problems[0]).toContain('must be Ed25519 private keys')
        expect(problems[0]).not.toContain(value.slice(0, 6))
      }
      expect(problemsOf({}, { POSTERN_SIGNING_KEY: value })[0]).toMatch(/^POSTERN_SIGNING_KEY is/)
    },
  )
})

describe('what a route says about its assertions', () => {
  test.each<[string | undefined, string]>([
    [undefined, 'shared'],
    ['shared', 'shared'],
    ['request', 'request'],
  ])('%s', (assertion, expected) => {
    const config = parseConfig({ routes: [{ ...route, assertion }] }, {}, '/')
    expect(config.routes[0]?.assertion).toBe(expected)
  })

  test.each<[object, string]>([
    [{ ...route, assertion: 'none' }, 'routes[0].assertion is "none": must be "shared" or "request"'],
    [
      { path: '/x', public: true, upstream: route.upstream, assertion: 'shared' },
      'routes[0].assertion is "shared": has no use here',
    ],
    [
      { ...route, path: '/.well-known/postern/jwks.json' },
      'can never match, since Postern answers there itself',
    ],
  ])('%j stops the start', (wrong, part) => {
    const problems = problemsOf({ routes: [wrong] })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(part)
  })
})
