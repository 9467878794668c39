import { describe, expect, it } from 'vitest'
import { createKeyCache } from '../../src/verify/key-cache.ts'
import { createKeyReader, LookupRefused } from '../../src/verify/key-reader.ts'
import { createServiceKeyAuthenticator } from '../../src/verify/service-key-authenticator.ts'
import { createUnknownKeys } from '../../src/verify/unknown-keys.ts'
import { newToken } from '../../src/domain/service-key.ts'
import { createFakeClock } from './fake-clock.ts'
import { createKeyWorld } from './key-world.ts'

const perPeer = { points: 60, perSeconds: 60 }
const perNode = { points: 200, perSeconds: 1 }

function open() {
  const clock = createFakeClock()
  const world = createKeyWorld()
  const cache = createKeyCache(clock)
  const lease = { isFresh: () => true, ensureFresh: () => Promise.resolve(true), epoch: () => world.epoch() }
  const unknownKeys = createUnknownKeys({ clock, perPeer, perNode })
  const readKey = createKeyReader({ lookups: world, cache, lease, unknownKeys })
  const keys = createServiceKeyAuthenticator({ prefixes: ['pst'], readKey, lease, clock })
  const digests = () => world.lookups.reduce((sum, each) => sum + each, 0)
  async function ask(bearer: string, address: string | null = '192.0.2.1'): Promise<string | null> {
    const verdict = await keys.authenticate({ bearer, address })
    return verdict === null || verdict.allowed ? null : verdict.reason
  }
  return { clock, world, cache, digests, ask }
}

/** A flood of valid-checksum keys, in portions as they come off the wire. */
async function flood(
  ask: (bearer: string, address: string) => Promise<unknown>,
  from: (at: number) => string,
) {
  for (let at = 0; at < 4000; at += 50)
    await Promise.all(Array.from({ length: 50 }, (_, more) => ask(newToken('pst'), from(at + more))))
}

describe('a flood of unknown keys (T12)', () => {
  it('reaches the database for no more than its peer may, and is told so', async () => {
    const { ask, digests, world } = open()
    await flood(ask, () => '192.0.2.1')
    expect(digests()).toBeLessThan(perPeer.points + 50)
    expect(world.lookups.length).toBeLessThan(10)
    expect(await ask(newToken('pst'))).toBe('rate_limited')
  })

  it('counts the addresses of one IPv6 network as one', async () => {
    const { ask, digests } = open()
    await flood(ask, (at) => `2001:db8:0:1::${(at % 65_000).toString(16)}`)
    expect(digests()).toBeLessThan(perPeer.points + 50)
  })

  it('from everywhere is bounded for the node', async () => {
    const { ask, digests, clock } = open()
    await flood(ask, (at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`)
    expect(digests()).toBeLessThan(perNode.points + 50)
    clock.advance(1000)
    expect(await ask(newToken('pst'), '203.0.113.9')).toBe('unknown_key')
  })

  it('without an address that anyone vouches for is bounded for the node', async () => {
    const { ask, digests } = open()
    await flood(
      (bearer) => ask(bearer, null),
      () => '',
    )
    expect(digests()).toBeLessThan(perNode.points + 50)
  })

  it('leaves keys alone that are known, though they are no longer cached', async () => {
    const { ask, world, cache, clock } = open()
    const { token } = world.create()
    expect(await ask(token)).toBeNull()
    await flood(ask, () => '192.0.2.1')
    expect(await ask(token)).toBeNull()
    cache.apply('all')
    expect(await ask(token)).toBeNull()
    clock.advance(61_000)
    expect(await ask(token)).toBeNull()
  })

  it('leaves a new key alone that comes from elsewhere', async () => {
    const { ask, world, cache } = open()
    await flood(ask, () => '192.0.2.1')
    const { token } = world.create()
    cache.apply([{ epoch: world.epoch(), subjectKind: 'service-key', subjectId: 'x', what: 'created' }])
    expect(await ask(token, '192.0.2.2')).toBeNull()
  })

  it('is over when its window is', async () => {
    const { ask, clock } = open()
    await flood(ask, () => '192.0.2.1')
    clock.advance(perPeer.perSeconds * 1000)
    expect(await ask(newToken('pst'))).toBe('unknown_key')
  })
})

describe('dead keys', () => {
  it('are known, and count as no guesses', async () => {
    const { ask, world, digests } = open()
    for (let at = 0; at < 100; at++) {
      const { token, key } = world.create()
      world.revoke(key.id, 1)
      expect(await ask(token)).toBe('revoked_key')
    }
    expect(digests()).toBe(100)
    expect(await ask(newToken('pst'))).toBe('unknown_key')
  })
})

it('names the limit, and when it ends', () => {
  const clock = createFakeClock()
  const unknownKeys = createUnknownKeys({ clock, perPeer, perNode })
  for (let at = 0; at < 60; at++) unknownKeys.learned(`n${at}`, '192.0.2.1', false)
  clock.advance(10_000)
  const limit = unknownKeys.refusal('x', '192.0.2.1', 0)
  expect(limit).toEqual({ policy: 'unknown-keys', most: 60, windowSeconds: 60, retryAfterSeconds: 50 })
  expect(new LookupRefused(limit ?? expect.fail()).code).toBe('rate_limited')
  expect(unknownKeys.refusal('x', '192.0.2.2', 0)).toBeNull()
  expect(unknownKeys.refusal('x', '192.0.2.2', 1000)).not.toBeNull()
})
