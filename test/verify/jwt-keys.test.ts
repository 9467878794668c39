import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { OutboundAnswer, OutboundFailure } from '../../src/domain/outbound.ts'
import { createVerify } from '../../src/verify/verify.ts'
import { jwksCooldownMs, jwksRefreshMs, jwksRetryMs } from '../../src/verify/jwks.ts'
import type { FakeClock } from './fake-clock.ts'
import { createFakeClock } from './fake-clock.ts'
import { answerOf, createAsk, plain, publicJwk, rsa, sign } from './jwt-world.ts'

const first = rsa()
const second = rsa()
const oldSet = { keys: [await publicJwk(first.publicKey, { kid: 'old' })] }
const newSet = { keys: [await publicJwk(second.publicKey, { kid: 'new' })] }

let clock: FakeClock
let answer: OutboundAnswer
let fetches: number
let failures: string[]
let ask: ReturnType<typeof createAsk>

beforeEach(() => {
  clock = createFakeClock()
  // jose has a clock of its own for its cooldown.
  vi.spyOn(Date, 'now').mockImplementation(() => clock.now())
  answer = answerOf(oldSet)
  fetches = 0
  failures = []
  const send = () => {
    fetches++
    return Promise.resolve(answer)
  }
  ask = createAsk(clock, send, [plain], (cause) => failures.push(cause))
})
afterEach(() => {
  vi.restoreAllMocks()
})

const oldToken = () => sign(first.privateKey, clock, {}, { kid: 'old' })
const newToken = () => sign(second.privateKey, clock, {}, { kid: 'new' })
const reason = async (token: Promise<string>) => {
  const verdict = await ask(await token)
  return verdict?.allowed === true ? 'allowed' : verdict?.reason
}

describe("an issuer's keys", () => {
  it('are fetched once for many requests at once, and kept', async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, oldToken))
    const verdicts = await Promise.all(tokens.map((token) => ask(token)))
    expect(verdicts.every((verdict) => verdict?.allowed)).toBe(true)
    clock.advance(jwksRefreshMs - 1)
    expect(await reason(oldToken())).toBe('allowed')
    expect(fetches).toBe(1)
  })

  it('are fetched again when they are old, so that a withdrawn one dies', async () => {
    await reason(oldToken())
    answer = answerOf(newSet)
    clock.advance(jwksRefreshMs)
    expect(await reason(oldToken())).toBe('invalid_jwt')
    expect(await reason(newToken())).toBe('allowed')
    expect(fetches).toBe(2)
  })

  it('of a new kid are fetched as soon as the last fetch is half a minute ago', async () => {
    await reason(oldToken())
    answer = answerOf({ keys: [...oldSet.keys, ...newSet.keys] })
    expect(await reason(newToken())).toBe('invalid_jwt')
    expect(fetches).toBe(1)
    clock.advance(jwksCooldownMs)
    expect(await reason(newToken())).toBe('allowed')
    expect(await reason(oldToken())).toBe('allowed')
    expect(fetches).toBe(2)
  })

  it('are not asked for again by a flood of unknown kids: one fetch in each half minute', async () => {
    await reason(oldToken())
    for (let minute = 0; minute < 5; minute++) {
      const flood = Array.from({ length: 200 }, (_, at) =>
        sign(second.privateKey, clock, {}, { kid: `k${minute}.${at}` }),
      )
      for (const verdict of await Promise.all(flood.map(async (token) => ask(await token))))
        expect(verdict).toMatchObject({ reason: 'invalid_jwt' })
      clock.advance(jwksCooldownMs)
    }
    expect(fetches).toBe(5)
  })
})

const broken: [string, OutboundAnswer, string][] = [
  ['cannot be reached', { failure: 'unreachable' }, 'unreachable'],
  ['hangs', { failure: 'timed_out' }, 'timed_out'],
  ['redirects', { failure: 'redirected' }, 'redirected'],
  [
    'has moved into a private range',
    { failure: 'address_refused' satisfies OutboundFailure },
    'address_refused',
  ],
  ['answers 500', answerOf(oldSet, 500), 'status 500'],
  ['answers 204', answerOf('', 204), 'status 204'],
  ['answers more than is read', { ...answerOf(oldSet), isCut: true }, 'too large'],
  ['answers HTML', answerOf('<html>'), 'no set of keys'],
  ['answers no set', answerOf({ keys: {} }), 'no set of keys'],
  ['answers a set with holes', answerOf({ keys: [null] }), 'no set of keys'],
]

describe.each(broken)('an issuer that %s', (_name, failure, cause) => {
  it('leaves nobody in before its keys were known, and is asked at most every few seconds', async () => {
    answer = failure
    for (let at = 0; at < 20; at++) expect(await reason(oldToken())).toBe('issuer_unavailable')
    expect(fetches).toBe(1)
    expect(failures).toEqual([cause])
    clock.advance(jwksRetryMs)
    expect(await reason(oldToken())).toBe('issuer_unavailable')
    expect(fetches).toBe(2)
    answer = answerOf(oldSet)
    clock.advance(jwksRetryMs)
    expect(await reason(oldToken())).toBe('allowed')
  })

  it('is done without while its keys are young enough, and then no more', async () => {
    await reason(oldToken())
    answer = failure
    clock.advance(plain.jwksMaxAgeMs - 1)
    expect(await reason(oldToken())).toBe('allowed')
    expect(await reason(newToken())).toBe('issuer_unavailable')
    clock.advance(1)
    expect(await reason(oldToken())).toBe('issuer_unavailable')
    clock.advance(jwksRetryMs)
    expect(await reason(oldToken())).toBe('issuer_unavailable')
    answer = answerOf(oldSet)
    clock.advance(jwksRetryMs)
    expect(await reason(oldToken())).toBe('allowed')
  })
})

it('keys are not kept longer because a clock was set back, or the machine slept', async () => {
  await reason(oldToken())
  answer = { failure: 'unreachable' }
  clock.sleep(plain.jwksMaxAgeMs)
  expect(await reason(oldToken())).toBe('issuer_unavailable')
  answer = answerOf(oldSet)
  clock.advance(jwksRetryMs)
  expect(await reason(oldToken())).toBe('allowed')
  answer = { failure: 'unreachable' }
  clock.advance(plain.jwksMaxAgeMs)
  clock.shiftWall(-2 * plain.jwksMaxAgeMs)
  expect(await reason(oldToken())).toBe('issuer_unavailable')
})

it('an issuer that is away is a verdict of its own among the credentials', async () => {
  const away = {
    kind: 'jwt' as const,
    authenticate: () => ({ allowed: false, reason: 'issuer_unavailable' }) as const,
  }
  const verify = createVerify({ authenticators: [away], looksLikeToken: () => false })
  expect(await verify({ authorization: 'Bearer a.b.c', query: '' }, ['jwt'])).toEqual({
    allowed: false,
    reason: 'issuer_unavailable',
  })
})

it('a weak key among them is left out, and the others serve', async () => {
  const weak = await publicJwk(first.publicKey, { kid: 'old', e: 'AQ' })
  answer = answerOf({ keys: [weak, ...newSet.keys] })
  expect(await reason(newToken())).toBe('allowed')
  expect(await reason(oldToken())).toBe('invalid_jwt')
  expect(failures).toEqual(['a weak key is left out'])
})
