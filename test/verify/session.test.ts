import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import type { ReadSession, SessionRequest } from '../../src/domain/session.ts'
import { SessionRefused } from '../../src/domain/session.ts'
import { judgeAgain } from '../../src/verify/authorize.ts'
import type { CredentialSource } from '../../src/verify/credentials.ts'
import { createSessionAuthenticator } from '../../src/verify/session-authenticator.ts'
import { createVerify } from '../../src/verify/verify.ts'
import type { FakeClock } from './fake-clock.ts'
import { createFakeClock } from './fake-clock.ts'

let clock: FakeClock
let failures: unknown[]
beforeEach(() => {
  clock = createFakeClock()
  failures = []
})

function ask(read: ReadSession, source: Partial<CredentialSource> = {}, owned: string | null = 'sid') {
  const sessions = { ownsCookie: (name: string) => owned === null || name === owned, read }
  const onFailure = (error: unknown) => failures.push(error)
  const verify = createVerify({
    authenticators: [createSessionAuthenticator({ sessions, clock, onFailure })],
    looksLikeToken: () => false,
  })
  return verify({ authorization: null, cookie: 'sid=1', query: '', ...source }, ['session'])
}

const refused = { allowed: false, reason: 'invalid_session' }
const nobody = { allowed: false, reason: 'missing_credential' }

describe('a session system of one’s own', () => {
  it('names a user, its customer and its end', async () => {
    const endsAt = clock.now() + 100
    expect(await ask(() => ({ id: 'u1', customer: 'acme', endsAt }))).toMatchObject({
      allowed: true,
      principal: { kind: 'user', id: 'u1', customer: 'acme' },
      credentialKind: 'session',
      keyId: null,
      grants: {},
      endsAt,
    })
    expect(await ask(async () => Promise.resolve({ id: 'u1' }))).toMatchObject({
      principal: { customer: null },
      endsAt: null,
    })
  })

  it('reads any header in any case, and the URL', async () => {
    let seen: SessionRequest | undefined
    const read: ReadSession = (request) => {
      seen = request
      return null
    }
    const headers = new Headers({ 'x-tenant': 'acme', cookie: 'of no account' })
    await ask(read, { headers, url: '/a?b' })
    expect([seen?.headers.get('X-Tenant'), seen?.headers.get('Cookie'), seen?.url]).toEqual([
      'acme',
      'sid=1',
      '/a?b',
    ])
    await ask(read)
    expect([seen?.headers.get('x-tenant'), seen?.url]).toEqual([null, undefined])
  })

  it('is not asked where none of its cookies is there', async () => {
    let asked = 0
    const read: ReadSession = () => {
      asked++
      return { id: 'u1' }
    }
    for (const cookie of [null, '', ';', 'other=1', 'sids=1; xsid=2'])
      expect(await ask(read, { cookie })).toEqual(nobody)
    expect(await ask(read, { cookie: ' ; ' }, null)).toEqual(nobody)
    expect(asked).toBe(0)
    expect(await ask(read, { cookie: 'anything=1' }, null)).toMatchObject({ allowed: true })
  })

  it('that finds nobody leaves a request without a credential', async () => {
    expect(await ask(() => null)).toEqual(nobody)
    expect(await ask(() => null, { authorization: 'Bearer x' })).toMatchObject({
      reason: 'wrong_credential_kind',
    })
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['true', true],
    ['a text', 'u1'],
    ['an empty object', {}],
    ['an empty id', { id: '' }],
    ['an id that breaks the line', { id: 'a\r\nx: y' }],
    ['an id with a space', { id: 'a b' }],
    ['an id beyond ASCII', { id: 'ä' }],
    ['an id that is a number', { id: 7 }],
    ['a customer that breaks the line', { id: 'u1', customer: 'a\n' }],
    ['a customer that is an object', { id: 'u1', customer: {} }],
    ['an end that is no number', { id: 'u1', endsAt: '2027-01-01' }],
    ['an end that is NaN', { id: 'u1', endsAt: NaN }],
    ['a Date as its end', { id: 'u1', endsAt: new Date() }],
  ])('that answers %s lets nobody in, and is told of', async (_name, answer) => {
    expect(await ask(() => answer as never)).toEqual(refused)
    expect(failures).toHaveLength(1)
  })

  it('that throws lets nobody in', async () => {
    const thrown = new Error('broken')
    const ways: ReadSession[] = [
      () => {
        throw thrown
      },
      () => Promise.reject(thrown),
    ]
    for (const way of ways) expect(await ask(way)).toEqual(refused)
    expect(failures).toEqual([thrown, thrown])
    expect(await ask(() => Promise.reject(new SessionRefused('expired')))).toEqual(refused)
    expect(failures).toHaveLength(2)
  })

  it('whose store is away says so: a 503 and no refusal', async () => {
    const away = { allowed: false, reason: 'store_unavailable' }
    expect(await ask(() => Promise.reject(new StoreUnavailable('away')))).toEqual(away)
    const alike = Object.assign(new Error('away'), { code: 'store_unavailable' })
    expect(await ask(() => Promise.reject(alike))).toEqual(away)
    expect(failures).toEqual([])
  })

  it('is held to the end that it named: at once, and right before dispatch', async () => {
    const endsAt = clock.now() + 100
    const verdict = await ask(() => ({ id: 'u1', endsAt }))
    if (!verdict.allowed) throw new Error(verdict.reason)
    clock.advance(99)
    expect(await judgeAgain(verdict)).toBeNull()
    clock.advance(1)
    expect(await judgeAgain(verdict)).toBe('invalid_session')
    expect(await ask(() => ({ id: 'u1', endsAt }))).toEqual(refused)
  })

  it('sees its cookie however it is written, so that no broken one passes for nobody', async () => {
    const space = fc.constantFrom('', ' ', '\t', '  ')
    const other = fc.constantFrom('a=b', 'x', '', 'q="1,2"')
    await fc.assert(
      fc.asyncProperty(
        fc.array(other),
        space,
        fc.constantFrom('sid', '"sid"', 'a=b,sid', 'a,"sid"'),
        space,
        fc.constantFrom('', '=', '=x', '="', '=;', '==,'),
        async (others, before, name, behind, value) => {
          const cookie = [...others, before + name + behind + value].join(';')
          expect(await ask(() => Promise.reject(new SessionRefused('no')), { cookie })).toEqual(refused)
        },
      ),
    )
  })
})
