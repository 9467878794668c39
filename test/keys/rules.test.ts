import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Keys } from '../../src/keys/keys.ts'
import { actor, openKeyRoom, type KeyRoom } from './key-room.ts'
import { dayMs, hourMs, policy } from './policy.ts'

let room: KeyRoom
beforeAll(async () => {
  room = await openKeyRoom()
})
afterAll(() => room.close())

const nobody = '00000000-0000-7000-8000-000000000000'

describe('what is wrong is refused with its code, and changes nothing', () => {
  interface Ids {
    active: string
    revoked: string
    expired: string
    rotated: string
    undone: string
    disabled: string
  }
  let ids: Ids
  beforeAll(async () => {
    const { keys, clock } = room
    const key = async (expires = '30d') => (await room.newKey({ expires })).id
    ids = {
      active: await key(),
      revoked: await key(),
      expired: await key('1h'),
      rotated: await key(),
      undone: await key(),
      disabled: '',
    }
    await keys.revoke(ids.revoked, 'lost', actor)
    await keys.rotate(ids.rotated, {}, actor)
    await keys.rotate(ids.undone, {}, actor)
    await keys.undoRotation(ids.undone, actor)
    const stopped = await room.newKey({ selfRotate: true })
    await keys.disableServiceUser(stopped.user, 'test', actor)
    ids.disabled = stopped.id
    clock.nowMs += 2 * hourMs
  })

  test.each<[string, string, (keys: Keys) => Promise<unknown>]>([
    [
      'expiry_past',
      'an expiry in the past',
      (keys) => keys.rotate(ids.active, { expires: '2020-01-01' }, actor),
    ],
    [
      'expiry_too_far',
      'one beyond the maximum',
      (keys) => keys.rotate(ids.active, { expires: '366d' }, actor),
    ],
    [
      'expiry_invalid',
      'one that is no date',
      (keys) => keys.rotate(ids.active, { expires: '2027-02-29' }, actor),
    ],
    [
      'overlap_invalid',
      'an overlap that is none',
      (keys) => keys.rotate(ids.active, { overlap: '-1d' }, actor),
    ],
    ['overlap_too_long', 'too long an overlap', (keys) => keys.rotate(ids.active, { overlap: '31d' }, actor)],
    ['not_found', 'an unknown key', (keys) => keys.rotate(nobody, {}, actor)],
    ['not_found', 'what is no id', (keys) => keys.rotate("' OR 1=1", {}, actor)],
    ['key_revoked', 'a revoked key', (keys) => keys.rotate(ids.revoked, {}, actor)],
    ['key_expired', 'an expired key', (keys) => keys.rotate(ids.expired, {}, actor)],
    ['already_rotated', 'a rotated key', (keys) => keys.rotate(ids.rotated, {}, actor)],
    ['service_user_disabled', 'a disabled one', (keys) => keys.rotate(ids.disabled, {}, actor)],
    ['service_user_disabled', 'a disabled one itself', (keys) => keys.selfRotate(ids.disabled, 'k')],
    ['not_found', 'an unknown key itself', (keys) => keys.selfRotate(nobody, 'k')],
    ['not_found', 'an unknown rotation', (keys) => keys.rotation(nobody)],
    ['not_found', 'the end of an unknown one', (keys) => keys.endOverlap('x', actor)],
    ['not_rotated', 'the end of none', (keys) => keys.endOverlap(ids.active, actor)],
    ['not_rotated', 'more of none', (keys) => keys.extendOverlap(ids.active, { for: '9d' }, actor)],
    ['not_rotated', 'to undo none', (keys) => keys.undoRotation(ids.active, actor)],
    ['not_rotated', 'to undo it twice', (keys) => keys.undoRotation(ids.undone, actor)],
    ['not_rotated', 'to show none', (keys) => keys.rotation(ids.active)],
    [
      'already_disabled',
      'to disable twice',
      async (keys) => {
        const { key } = await keys.show(ids.disabled)
        await keys.disableServiceUser(key.user.name, 'x', actor)
      },
    ],
    [
      'not_disabled',
      'to enable what is not disabled',
      async (keys) => {
        const { key } = await keys.show(ids.active)
        await keys.enableServiceUser(key.user.id, undefined, actor)
      },
    ],
    [
      'reason_invalid',
      'a reason of two lines',
      async (keys) => {
        const { key } = await keys.show(ids.active)
        await keys.disableServiceUser(key.user.id, 'a\nb', actor)
      },
    ],
    ['not_found', 'to disable nobody', (keys) => keys.disableServiceUser('nobody', 'x', actor)],
    ['owner_required', 'no owner', (keys) => keys.createServiceUser({ name: 'ownerless' }, actor)],
    ...['a@b.de\r\nBcc: c@d.de', 'a@b.de, c@d.de', 'A <a@b.de>', 'a@b.de%0aBcc:c@d.de', ''].flatMap(
      (address): [string, string, (keys: Keys) => Promise<unknown>][] => [
        [
          'owner_invalid',
          `the owner ${address}`,
          (keys) => keys.createServiceUser({ name: 'x', owner: address }, actor),
        ],
        [
          'owner_invalid',
          `the backup owner ${address}`,
          (keys) => keys.createServiceUser({ name: 'x', owner: 'a@b.de', backupOwner: address }, actor),
        ],
      ],
    ),
  ])('%s: %j', async (code, _, attempt) => {
    const before = await room.store.lookups.poll(0)
    await expect(attempt(room.keys)).rejects.toMatchObject({ name: 'KeysRefused', code })
    expect(await room.store.lookups.poll(0)).toEqual(before)
  })
})

test('a service user has as many active keys as the policy says; those that ended or are ending do not count', async () => {
  const { keys } = room
  const serviceUser = await room.newUser()
  const ids: string[] = []
  for (let index = 0; index < policy.keysPerServiceUser; index++)
    ids.push((await keys.issue({ serviceUser }, actor)).key.key.id)
  await expect(keys.issue({ serviceUser }, actor)).rejects.toMatchObject({ code: 'too_many_keys' })
  // A full house can still be renewed: the old one is ending.
  await keys.rotate(ids[0] ?? '', {}, actor)
  await expect(keys.issue({ serviceUser }, actor)).rejects.toMatchObject({ code: 'too_many_keys' })
  await keys.revoke(ids[1] ?? '', 'not needed', actor)
  await keys.issue({ serviceUser }, actor)
})

test('of many requests at once, no more keys come than the policy allows', async () => {
  const serviceUser = await room.newUser()
  const asked = Array.from({ length: 12 }, () => room.keys.issue({ serviceUser }, actor))
  const done = (await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled')
  expect(done).toHaveLength(policy.keysPerServiceUser)
})

test('an owner is asked for unless the policy says otherwise, and there can be a backup owner', async () => {
  const input = { name: 'owned', owner: 'a@b.de', backupOwner: ' backup@b.de ' }
  const owned = await room.keys.createServiceUser(input, actor)
  expect(owned).toMatchObject({ owner: 'a@b.de', backupOwner: 'backup@b.de' })
  expect(await room.keys.findServiceUser('owned')).toMatchObject(owned)
  const loose = room.under({ requireOwner: false })
  const free = await loose.createServiceUser({ name: 'free' }, actor)
  expect(free).toMatchObject({ owner: null, backupOwner: null })
  expect((await loose.issue({ serviceUser: 'free' }, actor)).key.user).toEqual(free)
})

test('disabling a service user stops all its keys at once, and enabling it lets them go on as before', async () => {
  const { keys, refusal, store, clock } = room
  const { id, token, user } = await room.newKey()
  const rotated = await keys.rotate(id, {}, actor)
  const tokens = [token, rotated.token ?? '']
  const disabled = await keys.disableServiceUser(user, 'under attack', actor)
  expect(disabled.disabledAt).toBe(clock.nowMs)
  for (const each of tokens) expect(await refusal(each)).toBe('service_user_disabled')
  expect((await keys.show(id)).key.state).toBe('disabled')
  await expect(keys.issue({ serviceUser: user }, actor)).rejects.toMatchObject({
    code: 'service_user_disabled',
  })

  clock.nowMs += dayMs
  expect((await keys.enableServiceUser(disabled.id, undefined, 'local:other')).disabledAt).toBe(null)
  for (const each of tokens) expect(await refusal(each)).toBe(null)
  expect((await keys.show(id)).key.state).toBe('retiring')
  const history = await store.keys.history(disabled.id)
  expect(history.map(({ what, actor: by, reason }) => [what, by, reason])).toEqual([
    ['enabled', 'local:other', null],
    ['disabled', actor, 'under attack'],
    ['created', actor, null],
  ])
  // What came due meanwhile is looked at now.
  const due: string[] = []
  await store.notices.sweep(clock.nowMs, 500, (found) => {
    due.push(...found.map(({ key }) => key.id))
    return []
  })
  expect(due).toEqual(expect.arrayContaining([id, rotated.key.key.id]))
})
