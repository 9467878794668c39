import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import { call } from '../store/records.ts'
import { actor, openKeyRoom, type KeyRoom } from './key-room.ts'
import { dayMs, hourMs, policy } from './policy.ts'

let room: KeyRoom
beforeAll(async () => {
  room = await openKeyRoom()
})
afterAll(() => room.close())

const historyOf = async (id: string) =>
  (await room.keys.show(id)).history.map(({ what, actor: by, reason }) => [what, by, reason])

async function noticesOf(keyId: string) {
  return (await room.store.notices.list({ keyId, limit: 50 })).data.map(({ notice }) => notice)
}

test('both keys work in the overlap; the old one works at its end - 1 ms, is dead at the end (R11)', async () => {
  const { keys, clock, refusal } = room
  const { id, token, user } = await room.newKey()
  const rotated = await keys.rotate(id, {}, actor)
  const endsAt = clock.nowMs + policy.overlapMs
  expect(rotated).toMatchObject({
    key: {
      state: 'active',
      key: {
        name: user,
        grants: {},
        predecessorId: id,
        createdBy: actor,
        mintedBy: null,
        familyEndsAt: null,
        expiresAt: clock.nowMs + policy.defaultLifeMs,
      },
    },
    predecessor: { state: 'retiring', key: { id, retiresAt: endsAt } },
  })
  expect((await keys.show(rotated.key.key.id)).key).toEqual(rotated.key)
  expect((await keys.show(id)).key).toEqual(rotated.predecessor)
  expect(await historyOf(id)).toEqual([
    ['rotated', actor, `the overlap ends at ${new Date(endsAt).toISOString()}`],
    ['created', actor, null],
  ])

  expect([await refusal(token), await refusal(rotated.token ?? '')]).toEqual([null, null])
  clock.nowMs = endsAt - 1
  expect([await refusal(token), await refusal(rotated.token ?? '')]).toEqual([null, null])
  clock.nowMs = endsAt
  expect([await refusal(token), await refusal(rotated.token ?? '')]).toEqual(['retired_key', null])
})

test('an old key never works past its own expiry, however long the overlap', async () => {
  const { id } = await room.newKey({ expires: '2d' })
  const { predecessor } = await room.keys.rotate(id, { overlap: '30d' }, actor)
  expect(predecessor.key.retiresAt).toBe(room.clock.nowMs + 2 * dayMs)
})

test('with an overlap of 0 the old key is dead at once', async () => {
  const { id, token } = await room.newKey()
  const rotated = await room.keys.rotate(id, { overlap: '0', expires: '30d' }, actor)
  expect(rotated.predecessor.state).toBe('retired')
  expect(rotated.key.key.expiresAt).toBe(room.clock.nowMs + 30 * dayMs)
  expect([await room.refusal(token), await room.refusal(rotated.token ?? '')]).toEqual(['retired_key', null])
})

test('a rotation writes its notice with it, without a secret, and sets when to look at both keys again', async () => {
  const { keys, clock, store } = room
  const { id } = await room.newKey()
  const rotated = await keys.rotate(id, {}, actor)
  const notices = await noticesOf(id)
  expect(notices.map(({ kind }) => kind).toSorted()).toEqual(['key-created', 'key-rotated'])
  expect(notices.find(({ kind }) => kind === 'key-rotated')).toMatchObject({
    facts: { actor, successorStart: rotated.key.key.start, retiresAt: clock.nowMs + policy.overlapMs },
  })
  expect(JSON.stringify(notices)).not.toContain(rotated.token)
  clock.nowMs += policy.overlapMs
  const due: string[] = []
  await store.notices.sweep(clock.nowMs, 500, (found) => {
    due.push(...found.map(({ key }) => key.id))
    return []
  })
  expect(due).toContain(id)
})

describe('an idempotency key', () => {
  test('makes one key of a repeated request, and its secret is shown once', async () => {
    const serviceUser = await room.newUser()
    const ask = () => room.keys.issue({ serviceUser, expires: '30d' }, actor, 'create-1')
    const first = await ask()
    const epoch = (await room.store.lookups.poll(0)).epoch
    room.clock.nowMs += hourMs
    expect(await ask()).toEqual({ ...first, token: null })
    expect((await room.store.lookups.poll(0)).epoch).toBe(epoch)
    // Another's key of the same name is another key.
    expect((await room.keys.issue({ serviceUser }, 'local:other', 'create-1')).token).not.toBe(null)
  })

  test('makes one successor of a repeated rotation', async () => {
    const { id } = await room.newKey()
    const ask = () => room.keys.rotate(id, { overlap: '1d' }, actor, 'rotate-1')
    const first = await ask()
    expect(await ask()).toEqual({ ...first, token: null })
  })

  test('given with another request is refused, whatever differs', async () => {
    const serviceUser = await room.newUser()
    const { id } = await room.newKey()
    const { keys } = room
    await keys.issue({ serviceUser, name: 'a' }, actor, 'reused')
    const repeats = [
      () => keys.issue({ serviceUser }, actor, 'reused'),
      () => keys.issue({ serviceUser, name: 'b' }, actor, 'reused'),
      () => keys.issue({ serviceUser, name: 'a', expires: '1d' }, actor, 'reused'),
      () => keys.issue({ serviceUser, name: 'a', selfRotate: true }, actor, 'reused'),
      () => keys.rotate(id, {}, actor, 'reused'),
    ]
    for (const repeat of repeats)
      await expect(repeat()).rejects.toMatchObject({ code: 'idempotency_key_reused' })
    expect((await keys.list({ serviceUser, limit: 10 })).data).toHaveLength(1)
  })

  test.each(['', 'a b', 'a\n', 'é', 'x'.repeat(256)])('%j is none', async (key) => {
    const { id } = await room.newKey()
    await expect(room.keys.rotate(id, {}, actor, key)).rejects.toMatchObject({
      code: 'idempotency_key_invalid',
    })
    await expect(room.keys.selfRotate(id, key)).rejects.toMatchObject({ code: 'idempotency_key_invalid' })
  })
})

describe('self-rotation', () => {
  const day = '2028-02-29T12:00:00Z'

  test('makes a successor with the same grants, within the family', async () => {
    const { keys, clock } = room
    clock.nowMs = Date.parse(day)
    const { id } = await room.newKey({ selfRotate: true })
    const familyEndsAt = clock.nowMs + policy.maxFamilyLifeMs
    clock.nowMs += dayMs
    const { key, predecessor } = await keys.selfRotate(id, 'once')
    expect(key.key).toMatchObject({
      grants: { selfRotate: true },
      mintedBy: id,
      createdBy: `service-key:${id}`,
      familyEndsAt,
      expiresAt: clock.nowMs + policy.defaultLifeMs,
    })
    expect(predecessor.key.retiresAt).toBe(clock.nowMs + policy.overlapMs)
    expect((await historyOf(id))[0]?.slice(0, 2)).toEqual(['rotated', `service-key:${id}`])
  })

  test('strands nobody when its answer got lost: a repeat gives a new secret, and the unused one dies', async () => {
    const { keys, refusal } = room
    const { id, token } = await room.newKey({ selfRotate: true })
    const lost = await keys.selfRotate(id, 'renew-1')
    const again = await keys.selfRotate(id, 'renew-1')
    expect(again.key.key.id).toBe(lost.key.key.id)
    expect(again.token).not.toBe(lost.token)
    expect(again.key.key.start).toBe(again.token.slice(0, 8))
    expect([await refusal(token), await refusal(lost.token), await refusal(again.token)]).toEqual([
      null,
      'unknown_key',
      null,
    ])
    expect(await historyOf(again.key.key.id)).toEqual([
      ['secret-reissued', `service-key:${id}`, null],
      ['created', `service-key:${id}`, null],
    ])
  })

  test('gives no second secret once the first was used, nor under another idempotency key', async () => {
    const { keys, store, clock } = room
    const { id } = await room.newKey({ selfRotate: true })
    const { key } = await keys.selfRotate(id, 'renew-1')
    const refused = { code: 'already_rotated', successorId: key.key.id }
    await expect(keys.selfRotate(id, 'renew-2')).rejects.toMatchObject(refused)
    await store.trail.append({ calls: [], ends: [], lastUsed: new Map([[key.key.id, clock.nowMs]]) })
    await expect(keys.selfRotate(id, 'renew-1')).rejects.toMatchObject(refused)
  })

  test("gives no secret of a successor that an administrator's rotation made", async () => {
    const { keys } = room
    const { id } = await room.newKey({ selfRotate: true })
    await keys.rotate(id, {}, actor, 'renew-1')
    await expect(keys.selfRotate(id, 'renew-1')).rejects.toMatchObject({ code: 'already_rotated' })
  })

  test('is made again after it was undone', async () => {
    const { keys } = room
    const { id } = await room.newKey({ selfRotate: true })
    const first = await keys.selfRotate(id, 'renew-1')
    await keys.undoRotation(id, actor)
    const second = await keys.selfRotate(id, 'renew-1')
    expect(second.key.key.id).not.toBe(first.key.key.id)
    expect((await keys.selfRotate(id, 'renew-1')).key.key.id).toBe(second.key.key.id)
  })

  test('is for keys that were given it', async () => {
    const { id } = await room.newKey()
    await expect(room.keys.selfRotate(id, 'x')).rejects.toMatchObject({ code: 'rotation_not_granted' })
  })

  test('begins a new family where an administrator rotates', async () => {
    const { keys, clock } = room
    const { id } = await room.newKey({ selfRotate: true })
    clock.nowMs += 100 * dayMs
    const { key } = await keys.rotate(id, {}, actor)
    expect(key.key).toMatchObject({
      grants: { selfRotate: true },
      mintedBy: null,
      familyEndsAt: clock.nowMs + policy.maxFamilyLifeMs,
    })
  })

  test('is never allowed beyond the family: not even the first key outlives it', async () => {
    const short = room.under({ maxFamilyLifeMs: 10 * dayMs })
    const serviceUser = await room.newUser()
    const { key } = await short.issue({ serviceUser, selfRotate: true }, actor)
    expect(key.key.expiresAt).toBe(room.clock.nowMs + 10 * dayMs)
    await expect(short.issue({ serviceUser, selfRotate: true, expires: '11d' }, actor)).rejects.toMatchObject(
      { code: 'expiry_too_far' },
    )
    await expect(short.rotate(key.key.id, { expires: '11d' }, actor)).rejects.toMatchObject({
      code: 'expiry_too_far',
    })
  })
})

test('revoking a key revokes all that it minted, each with its row, reason and notice (T33)', async () => {
  const { keys, refusal } = room
  const { id, token } = await room.newKey({ selfRotate: true })
  const child = await keys.selfRotate(id, '1')
  const grandchild = await keys.selfRotate(child.key.key.id, '1')
  const trusted = await keys.rotate(grandchild.key.key.id, {}, actor)
  await keys.revoke(id, 'stolen', actor)
  for (const each of [token, child.token, grandchild.token]) expect(await refusal(each)).toBe('revoked_key')
  expect(await refusal(trusted.token ?? '')).toBe(null)
  const reason = `made by the key ${id}, which was revoked: stolen`
  for (const { key } of [child, grandchild]) {
    expect((await historyOf(key.key.id))[0]).toEqual(['revoked', actor, reason])
    const notices = await noticesOf(key.key.id)
    expect(notices.find(({ kind }) => kind === 'key-revoked')?.facts?.reason).toBe(reason)
  }
})

test('revoking a key whose overlap is over still revokes what it minted (T33)', async () => {
  const { keys, clock, refusal, store } = room
  const { id } = await room.newKey({ selfRotate: true })
  const child = await keys.selfRotate(id, '1')
  clock.nowMs += policy.overlapMs
  await store.notices.sweep(clock.nowMs, 500, (due) =>
    due.map(({ key }) => ({
      keyId: key.id,
      notices: [],
      retire: key.id === id ? { at: key.retiresAt ?? 0, reason: 'rotated: the overlap ended' } : null,
      nextDueAt: null,
    })),
  )
  expect((await keys.show(id)).key).toMatchObject({ state: 'retired', key: { revokedAt: clock.nowMs } })
  expect(await refusal(child.token)).toBe(null)
  await keys.revoke(id, 'it was stolen', actor)
  expect(await refusal(child.token)).toBe('revoked_key')
  await expect(keys.revoke(id, 'again', actor)).rejects.toMatchObject({ code: 'already_revoked' })
})

describe('a rotation that was made', () => {
  test('is found by both keys, and says who still uses the old one', async () => {
    const { keys, store, clock } = room
    const { id } = await room.newKey()
    const { key } = await keys.rotate(id, {}, actor)
    const quiet = await keys.rotation(id)
    expect(quiet).toMatchObject({
      predecessor: { key: { id } },
      successor: { key: { id: key.key.id } },
      endsAt: clock.nowMs + policy.overlapMs,
      usage: { since: clock.nowMs - dayMs, predecessor: { calls: 0 }, successor: { calls: 0 } },
      safeToEnd: true,
    })
    clock.nowMs += hourMs
    await store.trail.append({
      calls: [callWith(id, 'echo'), callWith(id, 'echo')],
      ends: [],
      lastUsed: new Map(),
    })
    const used = await keys.rotation(key.key.id)
    expect(used).toMatchObject({ predecessor: { key: { id } }, safeToEnd: false })
    expect(used.usage.predecessor).toMatchObject({
      calls: 2,
      lastAddress: '192.0.2.1',
      lastClient: 'agent/1',
      tools: [{ tool: 'echo', calls: 2 }],
    })
    clock.nowMs += dayMs + 1
    expect((await keys.rotation(id)).safeToEnd).toBe(true)
  })

  test('can be ended early', async () => {
    const { keys, clock, refusal } = room
    const { id, token } = await room.newKey()
    const { key } = await keys.rotate(id, {}, actor)
    expect(await keys.endOverlap(key.key.id, 'local:other')).toMatchObject({
      state: 'retired',
      key: { id, retiresAt: clock.nowMs },
    })
    expect(await refusal(token)).toBe('retired_key')
    expect((await historyOf(id))[0]?.slice(0, 2)).toEqual(['overlap-changed', 'local:other'])
    await expect(keys.endOverlap(id, actor)).rejects.toMatchObject({ code: 'overlap_over' })
  })

  test('can be extended, at most to the maximum from its rotation', async () => {
    const { keys, clock } = room
    const { id } = await room.newKey()
    await keys.rotate(id, {}, actor)
    const rotatedAt = clock.nowMs
    clock.nowMs += 5 * dayMs
    expect((await keys.extendOverlap(id, { for: '10d' }, actor)).key.retiresAt).toBe(rotatedAt + 15 * dayMs)
    const until = new Date(rotatedAt + policy.maxOverlapMs).toISOString()
    const tooLong = new Date(rotatedAt + policy.maxOverlapMs + 1).toISOString()
    const code = async (end: { until?: string; for?: string }) =>
      await keys.extendOverlap(id, end, actor).then(
        () => 'done',
        (error: unknown) => (error as { code: string }).code,
      )
    expect(await code({ until: tooLong })).toBe('overlap_too_long')
    expect(await code({ for: '26d' })).toBe('overlap_too_long')
    expect(await code({ for: '1d' })).toBe('overlap_not_longer')
    expect(await code({ until: '2020-01-01' })).toBe('overlap_past')
    expect(await code({ until: 'soon' })).toBe('overlap_invalid')
    expect(await code({ for: '2028-03-01' })).toBe('overlap_invalid')
    expect(await code({})).toBe('overlap_invalid')
    expect(await code({ until, for: '1d' })).toBe('overlap_invalid')
    expect((await keys.show(id)).key.key.retiresAt).toBe(rotatedAt + 15 * dayMs)
    expect(await code({ until })).toBe('done')
  })

  test('can be undone while the old key works: the new one dies with what it minted', async () => {
    const { keys, refusal, clock } = room
    const { id, token } = await room.newKey({ selfRotate: true })
    const { key, token: successorToken } = await keys.rotate(id, {}, actor)
    const minted = await keys.selfRotate(key.key.id, '1')
    clock.nowMs += policy.overlapMs - 1
    expect(await keys.undoRotation(id, actor)).toMatchObject({
      state: 'active',
      key: { id, retiresAt: null },
    })
    expect(await refusal(token)).toBe(null)
    expect(await refusal(successorToken ?? '')).toBe('revoked_key')
    expect(await refusal(minted.token)).toBe('revoked_key')
    expect((await historyOf(id))[0]).toEqual(['rotation-undone', actor, null])
    expect((await historyOf(key.key.id))[0]).toEqual(['revoked', actor, 'rotation undone'])
    // And made again.
    const again = await keys.rotate(id, {}, actor)
    expect(again.key.key.id).not.toBe(key.key.id)
    clock.nowMs += policy.overlapMs
    await expect(keys.undoRotation(id, actor)).rejects.toMatchObject({ code: 'overlap_over' })
  })

  test('can be undone where its successor had to be revoked, so that the old key goes on', async () => {
    const { keys } = room
    const { id } = await room.newKey()
    const { key } = await keys.rotate(id, {}, actor)
    await keys.revoke(key.key.id, 'leaked', actor)
    expect(await keys.rotation(id)).toMatchObject({ successor: null, usage: { successor: null } })
    await expect(keys.rotate(id, {}, actor)).rejects.toMatchObject({
      code: 'already_rotated',
      successorId: null,
    })
    expect((await keys.undoRotation(id, actor)).state).toBe('active')
    await expect(keys.rotation(id)).rejects.toMatchObject({ code: 'not_rotated' })
  })

  test('can not be undone where its successor was rotated by an administrator in turn', async () => {
    const { keys } = room
    const { id } = await room.newKey()
    const { key } = await keys.rotate(id, {}, actor)
    const last = await keys.rotate(key.key.id, {}, actor)
    await expect(keys.undoRotation(id, actor)).rejects.toMatchObject({ code: 'successor_rotated' })
    await keys.undoRotation(last.key.key.id, actor)
    expect((await keys.undoRotation(id, actor)).state).toBe('active')
  })
})

function callWith(keyId: string, tool: string) {
  const at = room.clock.nowMs
  return call({ keyId, tool, at, boot: newId(at), clientAddress: '192.0.2.1', userAgent: 'agent/1' })
}
