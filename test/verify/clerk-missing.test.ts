import { expect, it, vi } from 'vitest'
import { clerk } from '../../src/verify/clerk.ts'
import { createSessionAuthenticator } from '../../src/verify/session-authenticator.ts'
import { createFakeClock } from './fake-clock.ts'
import { rsa } from './jwt-world.ts'

vi.mock('@clerk/backend', () => {
  throw new Error('Cannot find package')
})

it('without its package nobody gets in, and the log says what to install', async () => {
  const failures: unknown[] = []
  const sessions = clerk({
    jwtKey: rsa().publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    issuer: 'https://clerk.example.com',
    authorizedParties: ['https://app.example.com'],
  })
  const authenticator = createSessionAuthenticator({
    sessions,
    clock: createFakeClock(),
    onFailure: (error) => failures.push(error),
  })
  const header = Buffer.from('{"alg":"RS256"}').toString('base64url')
  const headers = new Headers({ cookie: `__session=${header}.e30.AA` })
  expect(await authenticator.authenticate({ bearer: null, request: { headers } })).toEqual({
    allowed: false,
    reason: 'invalid_session',
  })
  expect(String(failures)).toContain('needs the package @clerk/backend')
})
