import { generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import type { Authorize } from '../../src/admin/hosted.ts'
import { clerkAuthorize, type ClerkAuthorizeSettings } from '../../src/next/admin-page-clerk.ts'

const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const app = 'https://app.example.com'
const issuer = 'https://clerk.example.com'
const settings: ClerkAuthorizeSettings = {
  jwtKey: own.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  issuer,
  authorizedParties: [app],
  role: ({ sub }) => (sub === 'user_1' ? 'admin' : null),
}
const seconds = Math.floor(Date.now() / 1000)

async function ask(
  claims: Record<string, unknown>,
  authorize: Authorize = clerkAuthorize(settings),
  key = own.privateKey,
) {
  const all = {
    ...{ iss: issuer, azp: app, sub: 'user_1', sid: 'sess_1', sts: 'active', v: 2, fva: [5, -1] },
    ...{ exp: seconds + 60, nbf: seconds - 10, iat: seconds },
    ...claims,
  }
  const token = await new SignJWT(all).setProtectedHeader({ alg: 'RS256', typ: 'JWT' }).sign(key)
  return authorize(new Request(app, { headers: { cookie: `__session=${token}` } }))
}

test('someone with a role gets in, as of when Clerk last verified who they are', async () => {
  expect(await ask({})).toEqual({
    id: 'user_1',
    email: null,
    role: 'admin',
    signedInAt: (seconds - 300) * 1000,
  })
})

test.each<[string, Record<string, unknown>]>([
  ['without a role', { sub: 'user_2' }],
  ['of another instance', { iss: 'https://other.example.com' }],
  ['of another app', { azp: 'https://evil.example.com' }],
  ['that is over', { exp: seconds - 100 }],
  ['that is pending', { sts: 'pending' }],
  ['of no session', { sid: undefined }],
])('someone %s is nobody', async (_name, claims) => {
  expect(await ask(claims)).toBeNull()
})

test('a session of another key, or none, is nobody', async () => {
  expect(await ask({}, clerkAuthorize(settings), other.privateKey)).toBeNull()
  expect(await clerkAuthorize(settings)(new Request(app))).toBeNull()
  expect(await clerkAuthorize(settings)(new Request(app, { headers: { cookie: '__session=x' } }))).toBeNull()
})

test('an address counts only where Clerk says that it is verified, or the app knows it', async () => {
  const email = 'ada@example.com'
  expect(await ask({ email })).toMatchObject({ email: null })
  expect(await ask({ email, email_verified: 'true' })).toMatchObject({ email: null })
  expect(await ask({ email, email_verified: true })).toMatchObject({ email })
  const known = clerkAuthorize({ ...settings, email: () => 'grace@example.com' })
  expect(await ask({ email }, known)).toMatchObject({ email: 'grace@example.com' })
})

test.each([undefined, [], [-1, -1], ['5'], 'x'])(
  'with %j for the age of the sign-in it is never recent',
  async (fva) => {
    expect(await ask({ fva })).toMatchObject({ signedInAt: 0 })
  },
)

test('settings that would let in more than they should are refused', () => {
  expect(() => clerkAuthorize({ ...settings, authorizedParties: [] })).toThrow(TypeError)
  expect(() => clerkAuthorize({ ...settings, jwtKey: undefined })).toThrow(TypeError)
})
