import { describe, expect, test } from 'vitest'
import type { OwnKey, SelfRotatedKey } from '../../src/admin/self-rotation.ts'
import { selfRotationPath } from '../../src/config.ts'
import { bearer, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'
import { onStage } from './stage.ts'

let gateway: TestGateway
let plainKey: TestKey
onStage(
  (upstream) => ({ routes: [{ path: '/api/*', accepts: ['service-key'], upstream }] }),
  (stage) => {
    gateway = stage.gateway
    plainKey = stage.key
  },
)

async function issueOwn(): Promise<TestKey> {
  const input = { serviceUser: plainKey.serviceUserId, selfRotate: true as const }
  const { key, token } = await gateway.postern.keys.issue(input, 'the test')
  return { token, id: key.key.id, serviceUserId: plainKey.serviceUserId }
}

function rotate(key: { token: string }, idempotencyKey: string | null, init: RequestInit = {}) {
  return fetch(gateway.url + selfRotationPath, {
    method: 'POST',
    ...init,
    headers: {
      ...bearer(key),
      ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
    },
  })
}

async function made(answer: Response): Promise<SelfRotatedKey> {
  expect(answer.status).toBe(201)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  return (await answer.json()) as SelfRotatedKey
}

const call = async (key: { token: string }) =>
  (await fetch(`${gateway.url}/api/x`, { headers: bearer(key) })).status

test('a key that may rotate itself gets a successor, both work, and the trail and the history say so', async () => {
  const key = await issueOwn()
  const successor = await made(await rotate(key, 'renewal-1'))
  expect(await call(key)).toBe(200)
  expect(await call(successor)).toBe(200)
  const [row] = (await rowsOf(gateway, 3)).filter(({ path }) => path === selfRotationPath)
  expect(row).toMatchObject({ keyId: key.id, outcome: 'succeeded', status: 201, httpMethod: 'POST' })
  const shown = await gateway.postern.keys.show(successor.id)
  expect(shown.key.key).toMatchObject({ predecessorId: key.id, mintedBy: key.id })
  expect(shown.history.at(-1)).toMatchObject({ what: 'created', actor: `service-key:${key.id}` })
  expect(JSON.stringify(shown)).not.toContain(successor.token)
})

test('an answer that got lost is asked for again: the same successor, a new token, and the lost one is dead', async () => {
  const key = await issueOwn()
  const lost = await made(await rotate(key, 'renewal-2'))
  const again = await made(await rotate(key, 'renewal-2'))
  expect(again.id).toBe(lost.id)
  expect(again.token).not.toBe(lost.token)
  expect(await call(again)).toBe(200)
  await expect.poll(() => call(lost), { timeout: 5000 }).toBe(401)
})

test('once the successor is used, or under another idempotency key, there is no second one', async () => {
  const key = await issueOwn()
  const successor = await made(await rotate(key, 'renewal-3'))
  const other = await rotate(key, 'renewal-4')
  expect(other.status).toBe(409)
  expect(await other.json()).toMatchObject({ code: 'already_rotated', successorId: successor.id })
  expect(await call(successor)).toBe(200)
  // At once: the column of the last use is a second behind, the trail is not.
  const repeated = await rotate(key, 'renewal-3')
  expect(repeated.status).toBe(409)
  expect(await call(successor)).toBe(200)
})

test('a key is told when it ends and whether it may rotate itself, and nobody else is told anything', async () => {
  const key = await issueOwn()
  const ask = (asking: { token: string }) =>
    fetch(gateway.url + selfRotationPath, { headers: bearer(asking) })
  const own = await ask(key)
  expect(own.status).toBe(200)
  expect(own.headers.get('cache-control')).toBe('no-store')
  const told = (await own.json()) as OwnKey
  expect(told).toMatchObject({ id: key.id, state: 'active', retiresAt: null, selfRotate: true })
  expect(Date.parse(told.renewableUntil ?? '')).toBeGreaterThan(Date.parse(told.expiresAt))
  expect(Date.parse(told.createdAt)).toBeLessThanOrEqual(Date.parse(told.now))

  const { predecessorEndsAt } = await made(await rotate(key, 'renewal-5'))
  await expect
    .poll(async () => (await ask(key)).json(), { timeout: 5000 })
    .toMatchObject({ state: 'retiring', retiresAt: predecessorEndsAt })
  expect(await (await ask(plainKey)).json()).toMatchObject({ selfRotate: false, renewableUntil: null })
  expect((await ask({ token: 'pst_nothing' })).status).toBe(401)
})

test('a thief who rotates a stolen key gains nothing once it is revoked (T33)', async () => {
  const key = await issueOwn()
  const first = await made(await rotate(key, 'theft-1'))
  const second = await made(await rotate(first, 'theft-2'))
  expect(await call(second)).toBe(200)
  await gateway.postern.keys.revoke(key.id, 'stolen', 'the test')
  for (const each of [key, first, second]) await expect.poll(() => call(each), { timeout: 5000 }).toBe(401)
  expect((await rotate(second, 'theft-3')).status).toBe(401)
})

describe('a rotation is refused', () => {
  test.each<[string, () => Promise<Response>, number, string]>([
    ['to a key without the grant', () => rotate(plainKey, 'x'), 403, 'rotation_not_granted'],
    [
      'without an idempotency key',
      async () => rotate(await issueOwn(), null),
      400,
      'idempotency_key_invalid',
    ],
    ['with a body', async () => rotate(await issueOwn(), 'x', { body: '{}' }), 413, 'body_too_large'],
    ['to a wrong key', () => rotate({ token: 'pst_nothing' }, 'x'), 401, 'malformed_key'],
    ['as a PUT', async () => rotate(await issueOwn(), 'x', { method: 'PUT' }), 404, 'no_route'],
    [
      'to a revoked key',
      async () => {
        const key = await issueOwn()
        await gateway.postern.keys.revoke(key.id, 'the test', 'the test')
        await expect.poll(() => call(key), { timeout: 5000 }).toBe(401)
        return rotate(key, 'x')
      },
      401,
      'malformed_key',
    ],
  ])('%s', async (_, ask, status, code) => {
    const answer = await ask()
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ code })
  })

  test('and is in the trail with its status', async () => {
    await rotate(plainKey, 'x')
    const rows = await rowsOf(gateway, 1)
    expect(rows).toMatchObject([
      { path: selfRotationPath, outcome: 'failed', status: 403, keyId: plainKey.id },
    ])
  })
})
