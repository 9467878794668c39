import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAdminApi } from '../../src/admin/api.ts'
import type { Rooms } from '../../src/admin/rooms.ts'
import { openKeyRoom, type KeyRoom } from '../keys/key-room.ts'
import { policy } from '../keys/policy.ts'
import { deployment, socket } from './admin-world.ts'

let room: KeyRoom
let api: (request: Request) => Promise<Response>
beforeAll(async () => {
  room = await openKeyRoom()
  const { keys, store, clock } = room
  api = createAdminApi({
    rooms: { keys, trail: store.trail, usage: store.usage } as unknown as Rooms,
    worker: {} as never,
    accessOf: async () => socket,
    signInMaxAgeMs: 0,
    clock,
    managementKeys: {} as never,
    nodes: {} as never,
    upkeep: undefined as never,
    knownTools: async () => [],
    deployment,
  })
})
afterAll(() => room.close())

interface Answer {
  status: number
  // What a test reads of it, it asserts.
  body: Record<string, unknown>
}

async function ask(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const sent =
    body === undefined
      ? {}
      : {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', ...headers },
        }
  const response = await api(new Request(`http://postern/admin/api-keys/api/v1${path}`, sent))
  expect(response.headers.get('cache-control')).toBe('no-store')
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** Each change makes another version. */
const laterThan = ({ version }: Record<string, unknown>): unknown =>
  expect.toSatisfy((later: number) => later > Number(version))

const isoAfter = (ms: number) => new Date(room.clock.nowMs + ms).toISOString()

test('a key is rotated, looked up, extended, ended and its successor rotated and undone', async () => {
  const { id } = await room.newKey()
  const rotated = await ask(`/keys/${id}/rotate`, { overlap: '1d', expires: '30d' })
  expect(rotated).toMatchObject({
    status: 201,
    body: {
      state: 'active',
      predecessorId: id,
      expiresAt: isoAfter(30 * 86_400_000),
      selfRotate: false,
      mintedBy: null,
      familyEndsAt: null,
      predecessor: { id, state: 'retiring', retiresAt: isoAfter(86_400_000) },
    },
  })
  const { token, predecessor, ...successor } = rotated.body
  expect(token).toMatch(/^pst_[0-9A-Za-z]{49}$/)
  const shown = await ask(`/keys/${id}/rotation`)
  expect(shown).toEqual({
    status: 200,
    body: {
      predecessor,
      successor,
      endsAt: isoAfter(86_400_000),
      usageSince: isoAfter(-86_400_000),
      usage: { predecessor: unused, successor: unused },
      safeToEnd: true,
    },
  })
  expect(JSON.stringify(shown)).not.toContain(token)
  expect(await ask(`/keys/${id}/rotation/extend`, { for: '2d' })).toMatchObject({
    status: 200,
    body: { id, retiresAt: isoAfter(2 * 86_400_000) },
  })
  expect(await ask(`/keys/${id}/rotation/end`, {})).toMatchObject({ status: 200, body: { state: 'retired' } })

  const second = String(successor['id'])
  await ask(`/keys/${second}/rotate`, {})
  expect(await ask(`/keys/${second}/rotation/undo`, {})).toMatchObject({
    status: 200,
    body: { id: second, state: 'active', retiresAt: null },
  })
  const { body } = await ask(`/keys/${second}`)
  expect((body['history'] as { what: string }[]).map(({ what }) => what)).toEqual([
    'rotation-undone',
    'rotated',
    'created',
  ])
})

const unused = { calls: 0, lastUsedAt: null, lastAddress: null, lastClient: null, tools: [] }

test('an Idempotency-Key makes one key of a repeated request, and shows its token once', async () => {
  const serviceUser = await room.newUser()
  const headers = { 'idempotency-key': 'c0ffee' }
  const first = await ask('/keys', { serviceUser }, headers)
  expect(first).toMatchObject({ status: 201, body: { token: expect.stringMatching(/^pst_/) as unknown } })
  expect(await ask('/keys', { serviceUser }, headers)).toEqual({
    status: 201,
    body: { ...first.body, token: null },
  })
  expect(await ask('/keys', { serviceUser, name: 'other' }, headers)).toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_reused', field: 'Idempotency-Key' },
  })
  expect(await ask('/keys', { serviceUser }, { 'idempotency-key': 'a b' })).toMatchObject({
    status: 400,
    body: { code: 'idempotency_key_invalid', field: 'Idempotency-Key' },
  })

  const path = `/keys/${String(first.body['id'])}/rotate`
  const rotated = await ask(path, {}, { 'idempotency-key': 'again' })
  expect(await ask(path, {}, { 'idempotency-key': 'again' })).toEqual({
    status: 201,
    body: { ...rotated.body, token: null },
  })
})

test('a key that is rotated already answers 409 with its successor', async () => {
  const { id } = await room.newKey()
  const { body } = await ask(`/keys/${id}/rotate`, {})
  expect(await ask(`/keys/${id}/rotate`, {})).toEqual({
    status: 409,
    body: {
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      code: 'already_rotated',
      detail: `this key was rotated before, into ${String(body['id'])}`,
      field: 'id',
      successorId: body['id'],
    },
  })
})

test('a key may be given self-rotation, and tells until when', async () => {
  const serviceUser = await room.newUser()
  expect(await ask('/keys', { serviceUser, selfRotate: true })).toMatchObject({
    status: 201,
    body: { selfRotate: true, mintedBy: null, familyEndsAt: isoAfter(policy.maxFamilyLifeMs) },
  })
})

test('a service user is disabled and enabled, by name or id, and shows it', async () => {
  const input = { name: 'on/off bot', owner: 'team@example.com', backupOwner: 'backup@example.com' }
  const { body } = await ask('/service-users', input)
  expect(body).toMatchObject({ ...input, disabledAt: null })
  const path = `/service-users/${encodeURIComponent(input.name)}`
  const disabled = await ask(`${path}/disable`, { reason: 'attack' })
  expect(disabled).toEqual({
    status: 200,
    body: { ...body, disabledAt: isoAfter(0), version: laterThan(body) },
  })
  expect(await ask(`${path}/disable`, { reason: 'attack' })).toMatchObject({
    status: 409,
    body: { code: 'already_disabled' },
  })
  const enabled = await ask(`/service-users/${String(body['id'])}/enable`, { reason: 'over' })
  expect(enabled).toEqual({ status: 200, body: { ...body, version: laterThan(disabled.body) } })
  expect(await ask(`${path}/enable`, {})).toMatchObject({ status: 409, body: { code: 'not_disabled' } })
})

describe('a refusal is a problem with a stable code, and changes nothing', () => {
  const nobody = '00000000-0000-7000-8000-000000000000'
  const ids = { active: '', revoked: '', disabled: '', ended: '', rotated: '' }
  let full = ''
  beforeAll(async () => {
    const { keys } = room
    for (const name of Object.keys(ids) as (keyof typeof ids)[]) {
      const { id, user } = await room.newKey()
      ids[name] = id
      if (name === 'disabled') await keys.disableServiceUser(user, 'test', 'local:tester')
    }
    await keys.revoke(ids.revoked, 'lost', 'local:tester')
    await keys.rotate(ids.ended, { overlap: '0' }, 'local:tester')
    await keys.rotate(ids.rotated, {}, 'local:tester')
    full = await room.newUser()
    for (let index = 0; index < policy.keysPerServiceUser; index++)
      await keys.issue({ serviceUser: full }, 'local:tester')
  })

  test.each<[string, () => [string, unknown], number, string]>([
    ['a key too many', () => ['/keys', { serviceUser: full }], 409, 'too_many_keys'],
    ['a grant that is none', () => ['/keys', { serviceUser: full, selfRotate: false }], 400, 'field_invalid'],
    ['an unknown key', () => [`/keys/${nobody}/rotate`, {}], 404, 'not_found'],
    ['a revoked key', () => [`/keys/${ids.revoked}/rotate`, {}], 409, 'key_revoked'],
    ['a disabled service user', () => [`/keys/${ids.disabled}/rotate`, {}], 409, 'service_user_disabled'],
    ['tools', () => [`/keys/${ids.active}/rotate`, { tools: ['x'] }], 400, 'field_unknown'],
    ['a name', () => [`/keys/${ids.active}/rotate`, { name: 'x' }], 400, 'field_unknown'],
    ['no overlap', () => [`/keys/${ids.active}/rotate`, { overlap: 'long' }], 400, 'overlap_invalid'],
    ['a long overlap', () => [`/keys/${ids.active}/rotate`, { overlap: '31d' }], 400, 'overlap_too_long'],
    ['a late expiry', () => [`/keys/${ids.active}/rotate`, { expires: '366d' }], 400, 'expiry_too_far'],
    ['an early expiry', () => [`/keys/${ids.active}/rotate`, { expires: '2020-01-01' }], 400, 'expiry_past'],
    ['no date', () => [`/keys/${ids.active}/rotate`, { expires: '2027-13-01' }], 400, 'expiry_invalid'],
    ['no body', () => [`/keys/${ids.active}/rotate`, null], 400, 'field_invalid'],
    ['the end of none', () => [`/keys/${ids.active}/rotation/end`, {}], 409, 'not_rotated'],
    ['the end of one that is over', () => [`/keys/${ids.ended}/rotation/end`, {}], 409, 'overlap_over'],
    ['more than there is', () => [`/keys/${ids.rotated}/rotation/end`, { at: 1 }], 400, 'field_unknown'],
    ['to undo one that is over', () => [`/keys/${ids.ended}/rotation/undo`, {}], 409, 'overlap_over'],
    ['no new end', () => [`/keys/${ids.rotated}/rotation/extend`, {}], 400, 'overlap_invalid'],
    ['too far', () => [`/keys/${ids.rotated}/rotation/extend`, { for: '31d' }], 400, 'overlap_too_long'],
    [
      'the past',
      () => [`/keys/${ids.rotated}/rotation/extend`, { until: '2020-01-01' }],
      400,
      'overlap_past',
    ],
    ['shorter', () => [`/keys/${ids.rotated}/rotation/extend`, { for: '1d' }], 400, 'overlap_not_longer'],
    ['no rotation', () => [`/keys/${ids.active}/rotation`, undefined], 409, 'not_rotated'],
    ['no owner', () => ['/service-users', { name: 'x' }], 400, 'owner_required'],
    [
      'a backup owner with a header',
      () => ['/service-users', { name: 'x', owner: 'a@b.de', backupOwner: 'a@b.de\r\nBcc: c@d.de' }],
      400,
      'owner_invalid',
    ],
    ['nobody', () => ['/service-users/nobody/disable', { reason: 'x' }], 404, 'not_found'],
    ['no reason', () => [`/service-users/${full}/disable`, {}], 400, 'field_invalid'],
  ])('%s', async (_, request, status, code) => {
    const before = await room.store.lookups.poll(0)
    expect(await ask(...request())).toMatchObject({ status, body: { status, code } })
    expect(await room.store.lookups.poll(0)).toEqual(before)
  })
})
