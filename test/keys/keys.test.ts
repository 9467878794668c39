import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '../../src/domain/ports.ts'
import { hashToken, parseToken } from '../../src/domain/service-key.ts'
import { createKeys, type Keys } from '../../src/keys/keys.ts'
import { openPglite } from '../../src/store/store.ts'
import { policy } from './policy.ts'

const actor = 'local:tester'
const clock = { nowMs: Date.parse('2026-11-23T12:00:00Z'), now: () => clock.nowMs }

let directory: string
let store: Store
let keys: Keys
let count = 0

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'postern-keys-'))
  store = openPglite({ directory: join(directory, 'pglite'), schema: 'postern' })
  await store.migrate()
  keys = createKeys({ store: store.keys, trail: store.trail, clock, policy, prefixes: ['pst', 'old'] })
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})

async function newUser(): Promise<string> {
  const { name } = await keys.createServiceUser(
    { name: `bot-${(count += 1)}`, owner: 'team@example.com' },
    actor,
  )
  return name
}

test('a token is in the answer of issue and nowhere else', async () => {
  const serviceUser = await newUser()
  const { key, token } = await keys.issue({ serviceUser }, actor)
  expect(parseToken(token, ['pst'])?.digest).toEqual(hashToken(token))
  const { keys: found } = await store.lookups.lookup([hashToken(token)])
  expect(found.map(({ id }) => id)).toEqual([key.key.id])
  const elsewhere = JSON.stringify([
    key,
    await keys.show(key.key.id),
    await keys.list({ limit: 200 }),
    await keys.listServiceUsers({ limit: 200 }),
    found,
  ])
  expect(elsewhere).not.toContain(token)
  expect(elsewhere).not.toContain(token.slice(9))
})

test('a key lives for the default life unless told otherwise, and says who made it', async () => {
  const serviceUser = await newUser()
  const { key } = await keys.issue({ serviceUser }, actor)
  expect(key).toMatchObject({
    state: 'active',
    key: {
      name: serviceUser,
      createdBy: actor,
      expiresAt: clock.nowMs + policy.defaultLifeMs,
      revokedAt: null,
    },
    user: { name: serviceUser, owner: 'team@example.com', customer: null },
  })
  const short = await keys.issue({ serviceUser, name: ' laptop ', expires: '1h' }, actor)
  expect(short.key.key).toMatchObject({ name: 'laptop', expiresAt: clock.nowMs + 3_600_000 })
})

test('a state is what the clock says, to the millisecond', async () => {
  const { key } = await keys.issue({ serviceUser: await newUser(), expires: '1s' }, actor)
  const stateAt = async (afterMs: number) => {
    const before = clock.nowMs
    clock.nowMs += afterMs
    const { state } = (await keys.show(key.key.id)).key
    clock.nowMs = before
    return state
  }
  expect(await stateAt(999)).toBe('active')
  expect(await stateAt(1000)).toBe('expired')
})

test('a revocation is final, has its reason, and stands in the history with who did it', async () => {
  const { key } = await keys.issue({ serviceUser: await newUser() }, actor)
  const revoked = await keys.revoke(key.key.id, ' lost laptop ', 'local:other')
  expect(revoked).toMatchObject({
    state: 'revoked',
    key: { revokedAt: clock.nowMs, revokedReason: 'lost laptop' },
  })
  await expect(keys.revoke(key.key.id, 'again', actor)).rejects.toMatchObject({ code: 'already_revoked' })
  const { history } = await keys.show(key.key.id)
  expect(history.map(({ what, actor, reason }) => [what, actor, reason])).toEqual([
    ['revoked', 'local:other', 'lost laptop'],
    ['created', actor, null],
  ])
})

test('a revocation needs a reason', async () => {
  const { key } = await keys.issue({ serviceUser: await newUser() }, actor)
  for (const reason of ['', '  ', 'x'.repeat(501), 'a\nb'])
    await expect(keys.revoke(key.key.id, reason, actor)).rejects.toMatchObject({ code: 'reason_invalid' })
  expect((await keys.show(key.key.id)).key.state).toBe('active')
})

test('a name is taken once, however it is written', async () => {
  await keys.createServiceUser({ name: 'Müller', owner: 'a@b.de' }, actor)
  await expect(
    keys.createServiceUser({ name: ' Mu\u0308ller ', owner: 'a@b.de' }, actor),
  ).rejects.toMatchObject({
    code: 'name_taken',
    field: 'name',
  })
})

test('a service user is found by name and by id, and no name can pass for an id', async () => {
  const name = await newUser()
  const { id } = await keys.findServiceUser(name)
  expect((await keys.findServiceUser(id)).name).toBe(name)
  for (const taken of [id, id.toUpperCase()])
    await expect(keys.createServiceUser({ name: taken, owner: 'a@b.de' }, actor)).rejects.toMatchObject({
      code: 'name_invalid',
    })
})

test('what is not there is not found', async () => {
  const nobody = '00000000-0000-7000-8000-000000000000'
  await expect(keys.issue({ serviceUser: 'nobody' }, actor)).rejects.toMatchObject({ code: 'not_found' })
  await expect(keys.list({ serviceUser: nobody, limit: 1 })).rejects.toMatchObject({ code: 'not_found' })
  for (const id of [nobody, 'x', '', "' OR 1=1"]) {
    await expect(keys.show(id)).rejects.toMatchObject({ code: 'not_found', field: 'id' })
    await expect(keys.revoke(id, 'why', actor)).rejects.toMatchObject({ code: 'not_found', field: 'id' })
  }
})

test('lists page through everything once, and only through what was asked for', async () => {
  const serviceUser = await newUser()
  const issued = new Set<string>()
  for (let index = 0; index < 5; index++) issued.add((await keys.issue({ serviceUser }, actor)).key.key.id)
  const listed: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<Keys['list']>> = await keys.list({
      serviceUser,
      limit: 2,
      ...(cursor === null ? {} : { cursor }),
    })
    listed.push(...page.data.map(({ key }) => key.id))
    cursor = page.nextCursor
  } while (cursor !== null)
  expect(listed).toHaveLength(5)
  expect(new Set(listed)).toEqual(issued)
})
