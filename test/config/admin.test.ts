import { expect, test } from 'vitest'
import { ConfigInvalid, parseConfig } from '../../src/config.ts'

const parse = (admin: unknown, env: Record<string, string> = {}) => parseConfig({ admin }, env, '/').admin

function problemsOf(admin: unknown, env: Record<string, string> = {}): readonly string[] {
  try {
    parse(admin, env)
    return []
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems
    throw error
  }
}

const provider = {
  id: 'corp',
  issuer: 'https://login.example.com/',
  clientId: 'postern',
  clientSecret: 'short and secret',
}

test('by itself the page is on the loopback, and a sign-in is recent for 12 hours', () => {
  expect(parse({})).toEqual({
    listen: { host: '127.0.0.1', port: 4243 },
    forwardAuth: null,
    url: null,
    secret: null,
    signInMaxAgeMs: 12 * 3_600_000,
    identityProviders: [],
  })
})

test('an identity provider is named by its id unless it has a name, and its issuer has no slash at its end', () => {
  expect(parse({ identityProviders: [provider] }).identityProviders).toEqual([
    { ...provider, name: 'corp', issuer: 'https://login.example.com' },
  ])
})

test('POSTERN_ADMIN_SECRET counts before the file, and an empty one not at all', () => {
  const secret = 'x'.repeat(32)
  const env = { POSTERN_ADMIN_SECRET: 'y'.repeat(40) }
  expect(parse({ secret, url: 'https://k.example.com' }, env)).toMatchObject({
    secret: 'y'.repeat(40),
    url: 'https://k.example.com',
  })
  expect(parse({ secret }, { POSTERN_ADMIN_SECRET: '' }).secret).toBe(secret)
  expect(parseConfig({}, env, '/').admin.secret).toBe('y'.repeat(40))
})

test.each<[string, unknown]>([
  ['admin.url', { url: 'https://keys.example.com/admin' }],
  ['admin.url', { url: 'keys.example.com' }],
  ['admin.url', { url: 'javascript:alert(1)' }],
  ['admin.url', { url: 'https://user@keys.example.com' }],
  ['admin.signInMaxAge', { signInMaxAge: '1s' }],
  ['admin.signInMaxAge', { signInMaxAge: 12 }],
  ['admin.identityProviders', { identityProviders: [provider, provider] }],
  ['admin.identityProviders[0].id', { identityProviders: [{ ...provider, id: '../x' }] }],
  [
    'admin.identityProviders[0].issuer',
    { identityProviders: [{ ...provider, issuer: 'http://login.example.com' }] },
  ],
  [
    'admin.identityProviders[0].issuer',
    { identityProviders: [{ ...provider, issuer: 'https://l.example.com/?a' }] },
  ],
  ['admin.identityProviders[0].clientId', { identityProviders: [{ ...provider, clientId: undefined }] }],
  ['admin.identityProvider', { identityProvider: provider }],
])('a wrong %s stops the start and names itself: %j', (name, admin) => {
  const [problem = '', ...more] = problemsOf(admin)
  expect(problem.startsWith(`${name} `)).toBe(true)
  expect(more).toEqual([])
})

test('no message shows a secret, however wrong it is', () => {
  const all = [
    ...problemsOf({ secret: 'too short to be one' }),
    ...problemsOf({}, { POSTERN_ADMIN_SECRET: 'too short to be one' }),
    ...problemsOf({ identityProviders: [{ ...provider, clientSecret: 12 }] }),
    ...problemsOf({ identityProviders: [{ ...provider, clientSecret: '' }] }),
  ]
  expect(all).toHaveLength(4)
  expect(all[1]).toMatch(/^POSTERN_ADMIN_SECRET is a text that is not shown/)
  for (const problem of all) expect(problem).not.toContain('too short')
})
