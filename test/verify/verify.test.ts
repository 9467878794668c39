import { describe, expect, it } from 'vitest'
import type { StoredKey } from '../../src/domain/ports.ts'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import { createTokenScanner, hashToken, newToken } from '../../src/domain/service-key.ts'
import type { Allowed, CredentialKind, Reason } from '../../src/domain/verdict.ts'
import type { Authenticator } from '../../src/verify/authenticator.ts'
import { authorize, judgeAgain } from '../../src/verify/authorize.ts'
import { createKeyCache, keyLifeMs } from '../../src/verify/key-cache.ts'
import { createKeyReader } from '../../src/verify/key-reader.ts'
import { createLease, leaseMs } from '../../src/verify/lease.ts'
import { createServiceKeyAuthenticator } from '../../src/verify/service-key-authenticator.ts'
import { createVerify } from '../../src/verify/verify.ts'
import { createFakeClock } from './fake-clock.ts'
import { allUnknown, createKeyWorld, settled } from './key-world.ts'

const prefixes = ['pst', 'old']

function setUp() {
  const clock = createFakeClock()
  const world = createKeyWorld()
  const cache = createKeyCache(clock)
  const lease = createLease({
    lookups: world,
    clock,
    onChanges: (changes) => cache.apply(changes),
    onRefusing: () => {},
    onPollFailed: () => {},
  })
  const readKey = createKeyReader({ lookups: world, cache, lease, unknownKeys: allUnknown })
  const verify = createVerify({
    authenticators: [createServiceKeyAuthenticator({ prefixes, readKey, lease, clock })],
    looksLikeToken: createTokenScanner(prefixes).found,
  })
  const ask = (
    authorization: string | null,
    query = '',
    accepts: readonly CredentialKind[] = ['service-key'],
  ) => verify({ authorization, query }, accepts)
  async function allowed(token: string): Promise<Allowed> {
    const verdict = await ask(`Bearer ${token}`)
    if (!verdict.allowed) throw new Error(verdict.reason)
    return verdict
  }
  /** The next poll, as the timer or a lapsed lease would make it. */
  async function poll(): Promise<void> {
    clock.advance(leaseMs)
    expect(await lease.ensureFresh()).toBe(true)
  }
  return { clock, world, cache, lease, ask, allowed, poll }
}

type Ends = Pick<StoredKey, 'expiresAt' | 'retiresAt' | 'revokedAt' | 'userDisabledAt'>
const at = 1_800_000_000_000
const ends = (fields: Partial<Ends>): Partial<StoredKey> => fields

describe('a service key', () => {
  it.each<[string, Partial<StoredKey>]>([
    ['active', {}],
    ['active, one millisecond before it expires', ends({ expiresAt: at + 1 })],
    ['retiring', ends({ retiresAt: at + 1000 })],
    ['retiring, one millisecond before its overlap ends', ends({ retiresAt: at + 1 })],
  ])('%s: allowed, cold and warm, and again right before dispatch', async (_state, fields) => {
    const { world, allowed } = setUp()
    const { token, key } = world.create({ customer: 'acme', ...fields })
    for (const verdict of [await allowed(token), await allowed(token)]) {
      expect(verdict).toMatchObject({
        principal: { kind: 'service', id: key.serviceUserId, customer: 'acme' },
        credentialKind: 'service-key',
        keyId: key.id,
      })
      expect(await judgeAgain(verdict)).toBeNull()
    }
    expect(world.lookups).toEqual([1])
  })

  it.each<[string, Partial<StoredKey>, Reason]>([
    ['expired at this millisecond', ends({ expiresAt: at }), 'expired_key'],
    ['retired at this millisecond', ends({ retiresAt: at }), 'retired_key'],
    ['revoked at this millisecond', ends({ revokedAt: at }), 'revoked_key'],
    ['disabled at this millisecond', ends({ userDisabledAt: at }), 'service_user_disabled'],
    ['revoked where the clock is ahead', ends({ revokedAt: at + 1 }), 'revoked_key'],
    ['disabled where the clock is ahead', ends({ userDisabledAt: at + 1 }), 'service_user_disabled'],
    ['expired long ago', ends({ expiresAt: 1 }), 'expired_key'],
    ['revoked and expired', ends({ revokedAt: 1, expiresAt: 2 }), 'revoked_key'],
  ])('%s: refused, cold and warm, and the trail learns whose it was', async (_state, fields, reason) => {
    const { world, ask } = setUp()
    const { token, key } = world.create(fields)
    const refused = { allowed: false, reason, keyId: key.id, serviceUserId: key.serviceUserId }
    expect(await ask(`Bearer ${token}`)).toEqual(refused)
    expect(await ask(`Bearer ${token}`)).toEqual(refused)
    expect(world.lookups).toEqual([1])
  })

  it.each<[string, (end: number) => Partial<StoredKey>, Reason]>([
    ['expiry', (end) => ({ expiresAt: end }), 'expired_key'],
    ['retirement', (end) => ({ retiresAt: end }), 'retired_key'],
  ])(
    'dies by itself at its %s while it is cached: no poll and no job is needed',
    async (_name, fields, reason) => {
      const { clock, world, ask, allowed } = setUp()
      const { token } = world.create(fields(at + 100))
      const verdict = await allowed(token)
      clock.advance(99)
      expect((await ask(`Bearer ${token}`)).allowed).toBe(true)
      expect(await judgeAgain(verdict)).toBeNull()
      clock.advance(1)
      expect(await ask(`Bearer ${token}`)).toMatchObject({ allowed: false, reason })
      expect(await judgeAgain(verdict)).toBe(reason)
      expect(world.lookups).toEqual([1])
      expect(world.polls).toBe(1)
    },
  )

  it.each<[string, Partial<StoredKey>, number]>([
    ['its expiry', ends({ expiresAt: at + 5 }), at + 5],
    ['the end of its overlap', ends({ expiresAt: at + 9, retiresAt: at + 5 }), at + 5],
    ['its expiry within the overlap', ends({ expiresAt: at + 5, retiresAt: at + 9 }), at + 5],
  ])('ends with %s, as its verdict says', async (_end, fields, endsAt) => {
    const { world, allowed } = setUp()
    expect(await allowed(world.create(fields).token)).toMatchObject({ endsAt })
  })

  it('that nobody was given: unknown_key', async () => {
    const { ask } = setUp()
    expect(await ask(`Bearer ${newToken('pst')}`)).toEqual({ allowed: false, reason: 'unknown_key' })
  })

  it('of a prefix that is accepted but no longer issued is known', async () => {
    const { world, ask } = setUp()
    const token = newToken('old')
    world.create({ digest: hashToken(token) })
    expect((await ask(`Bearer ${token}`)).allowed).toBe(true)
  })

  it('whose row comes back with another digest is refused', async () => {
    const { clock, lease } = setUp()
    const token = newToken('pst')
    const wrong = Buffer.from(hashToken(token))
    wrong.writeUInt8(wrong.readUInt8(31) ^ 1, 31)
    for (const digest of [wrong, wrong.subarray(0, 31), Buffer.alloc(0)]) {
      const { key } = createKeyWorld().create({ digest })
      const authenticator = createServiceKeyAuthenticator({ prefixes, lease, clock, readKey: () => key })
      expect(await authenticator.authenticate({ bearer: token })).toMatchObject({
        allowed: false,
        reason: 'unknown_key',
      })
    }
  })
})

describe('without any I/O', () => {
  const token = newToken('pst')
  const flip = (index: number) =>
    token.slice(0, index) + (token[index] === 'A' ? 'B' : 'A') + token.slice(index + 1)

  it.each<[string, string | null, string, Reason]>([
    ['no header', null, '', 'missing_credential'],
    ['Basic', 'Basic eDp5', '', 'missing_credential'],
    ['a wrong checksum', `Bearer ${flip(token.length - 1)}`, '', 'malformed_key'],
    ['a typo in the secret', `Bearer ${flip(10)}`, '', 'malformed_key'],
    ['a prefix of somebody else', `Bearer ${newToken('oth')}`, '', 'malformed_key'],
    ['a prefix in upper case', `Bearer ${token.replace('pst', 'PST')}`, '', 'malformed_key'],
    ['a key cut short', `Bearer ${token.slice(0, -1)}`, '', 'malformed_key'],
    ['a key with something behind', `Bearer ${token}a`, '', 'malformed_key'],
    ['Bearer alone', 'Bearer', '', 'malformed_key'],
    ['two keys', `Bearer ${token} ${token}`, '', 'malformed_key'],
    ['__proto__', 'Bearer __proto__', '', 'malformed_key'],
    ['something like a JWT', 'Bearer eyJhbGciOiJub25lIn0.e30.', '', 'wrong_credential_kind'],
    ['a key with a dot', `Bearer ${token}.`, '', 'wrong_credential_kind'],
    ['a key in the query beside a good header', `Bearer ${token}`, `a=${token}`, 'credential_in_query'],
    ['an escaped key in the query', null, `a=%70${token.slice(1)}`, 'credential_in_query'],
  ])('%s is refused', async (_name, authorization, query, reason) => {
    const { world, ask } = setUp()
    expect(await ask(authorization, query)).toEqual({ allowed: false, reason })
    expect([world.lookups, world.polls]).toEqual([[], 0])
  })

  it('a route that does not accept keys ignores a good one', async () => {
    const { world, ask } = setUp()
    const { token: good } = world.create()
    for (const accepts of [[], ['jwt'], ['session', 'jwt']] as const)
      expect(await ask(`Bearer ${good}`, '', accepts)).toMatchObject({ reason: 'wrong_credential_kind' })
    expect([world.lookups, world.polls]).toEqual([[], 0])
  })

  it('a thousand typos cost nothing', async () => {
    const { world, ask } = setUp()
    for (let index = 0; index < 1000; index++) await ask(`Bearer ${flip(4 + (index % 49))}`)
    expect([world.lookups, world.polls]).toEqual([[], 0])
  })
})

describe('authenticators', () => {
  const refusing = (kind: CredentialKind): Authenticator => ({
    kind,
    authenticate: () => ({ allowed: false, reason: 'invalid_jwt' }),
  })
  const looksLikeToken = () => false

  it('two that are both responsible make a request ambiguous', async () => {
    const verify = createVerify({ authenticators: [refusing('jwt'), refusing('session')], looksLikeToken })
    const source = { authorization: 'Bearer x', query: '' }
    expect(await verify(source, ['jwt', 'session'])).toMatchObject({ reason: 'ambiguous_credentials' })
    expect(await verify(source, ['jwt'])).toMatchObject({ reason: 'invalid_jwt' })
  })

  it('of an ambiguous request may fail unheard: no rejection is left for the process to trip over', async () => {
    const unhandled: unknown[] = []
    const listen = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', listen)
    const away: Authenticator = {
      kind: 'session',
      authenticate: () => Promise.reject(new StoreUnavailable('away')),
    }
    const verify = createVerify({ authenticators: [refusing('jwt'), away], looksLikeToken })
    const source = { authorization: 'Bearer x', query: '' }
    expect(await verify(source, ['jwt', 'session'])).toMatchObject({ reason: 'ambiguous_credentials' })
    await settled()
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })

  it('that fail for a reason other than the store are not taken for a verdict', async () => {
    const broken: Authenticator = {
      kind: 'jwt',
      authenticate: () => Promise.reject(new TypeError('a fault of ours')),
    }
    const verify = createVerify({ authenticators: [broken], looksLikeToken })
    await expect(verify({ authorization: null, query: '' }, ['jwt'])).rejects.toThrow('a fault of ours')
  })
})

describe('a node that cannot prove that it is fresh', () => {
  it('refuses a cached key: not_fresh', async () => {
    const { clock, world, ask, allowed } = setUp()
    const { token } = world.create()
    const verdict = await allowed(token)
    world.isAway = true
    clock.advance(leaseMs - 1)
    expect((await ask(`Bearer ${token}`)).allowed).toBe(true)
    expect(await judgeAgain(verdict)).toBeNull()
    clock.advance(1)
    expect(await ask(`Bearer ${token}`)).toEqual({ allowed: false, reason: 'not_fresh' })
    expect(await judgeAgain(verdict)).toBe('not_fresh')
    world.isAway = false
    expect((await ask(`Bearer ${token}`)).allowed).toBe(true)
    expect(await judgeAgain(verdict)).toBeNull()
  })

  it('says so rather than that a key is unknown, expired or revoked', async () => {
    const { clock, world, ask } = setUp()
    const { token } = world.create({ revokedAt: 1 })
    expect(await ask(`Bearer ${token}`)).toMatchObject({ reason: 'revoked_key' })
    world.isAway = true
    clock.advance(leaseMs)
    for (const each of [token, newToken('pst')])
      expect(await ask(`Bearer ${each}`)).toEqual({ allowed: false, reason: 'not_fresh' })
  })

  it('refuses everything after the epoch went backwards', async () => {
    const { clock, world, ask, allowed, lease } = setUp()
    const { token } = world.create()
    const verdict = await allowed(token)
    world.restoreTo(1)
    clock.advance(leaseMs)
    await lease.ensureFresh()
    expect(await ask(`Bearer ${token}`)).toMatchObject({ reason: 'not_fresh' })
    expect(await judgeAgain(verdict)).toBe('not_fresh')
  })

  it('answers store_unavailable where the lease holds and the lookup fails', async () => {
    const { clock, world, ask, allowed, lease } = setUp()
    const { token } = world.create()
    const verdict = await allowed(token)
    clock.advance(keyLifeMs)
    await lease.ensureFresh()
    world.isAway = true
    expect(await ask(`Bearer ${token}`)).toEqual({ allowed: false, reason: 'store_unavailable' })
    expect(await judgeAgain(verdict)).toBe('store_unavailable')
  })

  it('refuses a key whose lookup took longer than the lease', async () => {
    const { clock, world, ask, lease } = setUp()
    const { token } = world.create()
    await lease.ensureFresh()
    world.holdLookups = true
    const asking = ask(`Bearer ${token}`)
    await settled()
    clock.advance(leaseMs)
    world.isAway = true
    world.heldLookups[0]?.arrive()
    expect(await asking).toEqual({ allowed: false, reason: 'not_fresh' })
  })
})

describe('a revocation', () => {
  it('that was applied between verdict and dispatch is seen by the last judgement', async () => {
    const { clock, world, allowed, poll } = setUp()
    const { token, key } = world.create()
    const verdict = await allowed(token)
    world.revoke(key.id, clock.now())
    await poll()
    expect(await judgeAgain(verdict)).toBe('revoked_key')
  })

  it('is seen by the next verdict after the poll', async () => {
    const { clock, world, allowed, ask, poll } = setUp()
    const { token, key } = world.create()
    await allowed(token)
    world.revoke(key.id, clock.now())
    await poll()
    expect(await ask(`Bearer ${token}`)).toMatchObject({ reason: 'revoked_key', keyId: key.id })
  })

  it('never stays unseen for as long as the lease, though nothing polls by itself', async () => {
    const { clock, world, allowed, ask } = setUp()
    const { token, key } = world.create()
    const verdict = await allowed(token)
    world.revoke(key.id, clock.now())
    clock.advance(leaseMs)
    expect(await judgeAgain(verdict)).toBe('revoked_key')
    expect(await ask(`Bearer ${token}`)).toMatchObject({ reason: 'revoked_key' })
  })

  it.each(['verdict', 'last judgement'])(
    'is seen by a %s whose lookup began before it and outlasted the lease (T29)',
    async (which) => {
      const { clock, world, ask, allowed, lease } = setUp()
      const { token, key } = world.create()
      const verdict = await allowed(token)
      // Nothing is cached any more, and the lease is fresh.
      clock.advance(keyLifeMs)
      await lease.ensureFresh()
      world.holdLookups = true
      const asking =
        which === 'verdict'
          ? Promise.resolve(ask(`Bearer ${token}`)).then((answer) => (answer.allowed ? null : answer.reason))
          : judgeAgain(verdict)
      await settled()
      world.revoke(key.id, clock.now())
      // The process is stopped meanwhile: no poll of a timer's comes before the answer is read.
      clock.sleep(10 * leaseMs)
      world.holdLookups = false
      world.heldLookups[0]?.arrive()
      expect(await asking).toBe('revoked_key')
    },
  )
})

describe('grants', () => {
  it.each<[string, Record<string, unknown>]>([
    ['no pattern', { tools: ['read_*', '**'] }],
    ['no list', { tools: 'read_*' }],
    ['no range', { addresses: ['10.0.0.0/33'] }],
    ['something newer', { anything: null }],
    ['__proto__', JSON.parse('{"__proto__":{}}') as Record<string, unknown>],
  ])('that this version cannot judge (%s) are refused, never read as unlimited', async (_name, grants) => {
    const { world, allowed } = setUp()
    const { token } = world.create({ grants })
    const use = { clientAddress: '127.0.0.1', of: { routeTools: null, messages: [] } }
    expect(authorize(await allowed(token), use, { denyToolsByDefault: false })).toBe('tool_not_granted')
  })
})
