import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SelfRotatedKey } from '../../src/admin/self-rotation.ts'
import { selfRotationPath } from '../../src/config.ts'
import { buildApp, type RunningApp, startApp } from './next-app.ts'
import { createAgent, trailOf } from './scene.ts'

/** The rotation of a key by itself in a Next app; test/e2e/self-rotation.test.ts has its rules, which are the same code. */

interface Asked {
  method?: string
  body?: string
  headers?: Record<string, string>
}

let app: RunningApp

beforeAll(buildApp, 600_000)
beforeAll(async () => {
  app = await startApp('next start')
  await fetch(`${app.url}/api/health`)
})
afterAll(async () => {
  await app?.stop('SIGKILL')
})

const rotate = (key: { token: string }, init: Asked = {}) =>
  fetch(app.url + selfRotationPath, {
    method: 'POST',
    ...init,
    headers: { authorization: `Bearer ${key.token}`, 'idempotency-key': 'renewal', ...init.headers },
  })
const call = async ({ token }: { token: string }) =>
  (await fetch(`${app.url}/api/who`, { headers: { authorization: `Bearer ${token}` } })).status

it('gives a key that may rotate itself its successor, and says so in the trail', async () => {
  const agent = await createAgent(app, '--self-rotate')
  const answer = await rotate(agent)
  expect(answer.status).toBe(201)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const successor = (await answer.json()) as SelfRotatedKey
  expect(await call(successor)).toBe(200)
  expect(await call(agent)).toBe(200)
  const rows = (await trailOf(app)).filter((row) => row.serviceUserId === agent.id)
  expect(rows.find((row) => row.path === selfRotationPath)).toMatchObject({
    keyId: agent.keyId,
    outcome: 'succeeded',
    status: 201,
  })
  expect(JSON.stringify(rows)).not.toContain(successor.token)
})

it('tells a key about itself', async () => {
  const agent = await createAgent(app, '--self-rotate')
  const answer = await rotate(agent, { method: 'GET' })
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ id: agent.keyId, state: 'active', selfRotate: true })
})

it('answers again where an answer got lost, and the lost token is dead', async () => {
  const agent = await createAgent(app, '--self-rotate')
  const lost = (await (await rotate(agent)).json()) as SelfRotatedKey
  const again = (await (await rotate(agent)).json()) as SelfRotatedKey
  expect(again.id).toBe(lost.id)
  expect(await call(again)).toBe(200)
  await expect.poll(() => call(lost), { timeout: 5000 }).toBe(401)
})

describe('a rotation is refused', () => {
  it.each<[string, () => Promise<Response>, number, string]>([
    ['to a key without the grant', async () => rotate(await createAgent(app)), 403, 'rotation_not_granted'],
    [
      'with a body',
      async () => rotate(await createAgent(app, '--self-rotate'), { body: '{}' }),
      413,
      'body_too_large',
    ],
    ['to a key that is none', () => rotate({ token: 'mmm_nothing' }), 401, 'malformed_key'],
    [
      'to a person',
      () => rotate({ token: 'x' }, { headers: { authorization: '', cookie: 'session=ada' } }),
      401,
      'missing_credential',
    ],
    [
      'as a PUT',
      async () => rotate(await createAgent(app, '--self-rotate'), { method: 'PUT' }),
      403,
      'no_route',
    ],
  ])('%s', async (_, ask, status, code) => {
    const answer = await ask()
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ code })
  })

  it('and is in the trail with its status', async () => {
    const agent = await createAgent(app)
    await rotate(agent)
    const rows = (await trailOf(app)).filter((row) => row.serviceUserId === agent.id)
    expect(rows).toMatchObject([{ path: selfRotationPath, outcome: 'failed', status: 403 }])
  })
})
