import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { actor, openKeyRoom, type KeyRoom } from './key-room.ts'

let room: KeyRoom
beforeAll(async () => {
  room = await openKeyRoom()
}, 60_000)
afterAll(() => room.close())

const limits = { tools: ['forecast_*', '!delete_*'], addresses: ['203.0.113.0/24'] }

async function newKey(input: object = limits): Promise<string> {
  const { key } = await room.keys.issue({ serviceUser: await room.newUser(), ...input }, actor)
  return key.key.id
}

async function grantsOf(id: string) {
  return (await room.keys.show(id)).key.key.grants
}

describe('a key is issued', () => {
  it('with its grants in their canonical form, each once', async () => {
    const id = await newKey({
      tools: ['a_*', 'a_*', '!b'],
      addresses: ['2001:DB8::/32', '::ffff:10.0.0.0/104', '10.0.0.0/8', ' 192.0.2.1 '],
      selfRotate: true,
    })
    expect(await grantsOf(id)).toEqual({
      selfRotate: true,
      tools: ['a_*', '!b'],
      addresses: ['2001:db8::/32', '10.0.0.0/8', '192.0.2.1/32'],
    })
  })

  it('without limits where the lists are empty', async () => {
    expect(await grantsOf(await newKey({ tools: [], addresses: [] }))).toEqual({})
  })

  test.each<[object, string, string, object]>([
    [{ tools: ['ok', 'a**b'] }, 'tool_pattern_invalid', 'tools', { index: 1, position: 2 }],
    [{ tools: [''] }, 'tool_pattern_invalid', 'tools', { index: 0, position: 0 }],
    [{ tools: ['a'.repeat(257)] }, 'tool_pattern_invalid', 'tools', { index: 0, position: 256 }],
    [
      { tools: Array.from({ length: 101 }, (_, at) => `t${at}`) },
      'tool_pattern_invalid',
      'tools',
      { index: 100 },
    ],
    [{ tools: [`pst_${'0'.repeat(49)}`] }, 'tool_pattern_invalid', 'tools', { index: 0 }],
    [{ addresses: ['10.0.0.0/8', 'fe80::1%eth0'] }, 'address_invalid', 'addresses', { index: 1 }],
    [{ addresses: ['10.0.0.1/8'] }, 'address_invalid', 'addresses', { index: 0 }],
  ])('never with %j, and the refusal says where', async (input, code, field, place) => {
    const serviceUser = await room.newUser()
    const issued = room.keys.issue({ serviceUser, ...input }, actor)
    await expect(issued).rejects.toMatchObject({ code, field, place })
    const listed = await room.keys.list({ serviceUser, limit: 10 })
    expect(listed.data).toEqual([])
  })

  it('once under an idempotency key, and other grants are another request', async () => {
    const serviceUser = await room.newUser()
    const first = await room.keys.issue({ serviceUser, ...limits }, actor, 'same')
    const again = await room.keys.issue({ serviceUser, ...limits }, actor, 'same')
    expect(again).toMatchObject({ token: null, key: { key: { id: first.key.key.id } } })
    await expect(room.keys.issue({ serviceUser, tools: ['*'] }, actor, 'same')).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    })
  })
})

describe('rotation', () => {
  it('keeps the grants, by an administrator and by itself (T33)', async () => {
    const id = await newKey({ ...limits, selfRotate: true })
    const { key } = await room.keys.selfRotate(id, 'once')
    expect(key.key.grants).toEqual({ selfRotate: true, ...limits })
    const { key: next } = await room.keys.rotate(key.key.id, {}, actor)
    expect(next.key.grants).toEqual({ selfRotate: true, ...limits })
  })
})

describe('an edit of a key', () => {
  it('changes what it names, leaves the rest, and says in the history what changed', async () => {
    const id = await newKey({ ...limits, selfRotate: true })
    const { version } = await room.keys.show(id)
    const edited = await room.keys.edit(
      id,
      { tools: ['forecast_*', 'plan_*'], name: 'new', ifMatch: version },
      actor,
    )
    expect(edited.key.key).toMatchObject({
      name: 'new',
      grants: { selfRotate: true, tools: ['forecast_*', 'plan_*'], addresses: limits.addresses },
    })
    expect(edited.version).toBeGreaterThan(version)
    const { history } = await room.keys.show(id)
    expect(history[0]).toMatchObject({ what: 'edited', actor, epoch: edited.version })
    expect(history[0]?.reason).toMatch(/name: .* → new; tools: \+ plan_\*, − !delete_\*/)
  })

  it('takes a limit away by an empty list, and says so', async () => {
    const id = await newKey()
    await room.keys.edit(id, { tools: [] }, actor)
    expect(await grantsOf(id)).toEqual({ addresses: limits.addresses })
    expect((await room.keys.show(id)).history[0]?.reason).toContain('no limit any more')
    await room.keys.edit(id, { addresses: [] }, actor)
    expect(await grantsOf(id)).toEqual({})
  })

  it('for another version changes nothing', async () => {
    const id = await newKey()
    const { version } = await room.keys.show(id)
    await room.keys.edit(id, { tools: ['plan_*'] }, actor)
    const late = room.keys.edit(id, { tools: ['*'], ifMatch: version }, actor)
    await expect(late).rejects.toMatchObject({ code: 'version_changed' })
    expect(await grantsOf(id)).toMatchObject({ tools: ['plan_*'] })
  })

  it('that changes nothing leaves no trace', async () => {
    const id = await newKey()
    const { version } = await room.keys.show(id)
    expect((await room.keys.edit(id, { ...limits }, actor)).version).toBe(version)
    expect((await room.keys.show(id)).history).toHaveLength(1)
  })

  it('goes for the living keys that it minted itself, too', async () => {
    const id = await newKey({ ...limits, selfRotate: true })
    const minted = (await room.keys.selfRotate(id, 'a')).key.key.id
    const mintedOfIt = (await room.keys.selfRotate(minted, 'b')).key.key.id
    await room.keys.edit(id, { tools: ['plan_*'], name: 'mine' }, actor)
    for (const each of [minted, mintedOfIt]) {
      const { key, history } = await room.keys.show(each)
      expect(key.key.grants).toEqual({ selfRotate: true, ...limits, tools: ['plan_*'] })
      expect(key.key.name).not.toBe('mine')
      expect(history[0]).toMatchObject({ what: 'edited' })
      expect(history[0]?.reason).toContain(id)
    }
  })

  it('of a dead key is refused', async () => {
    const id = await newKey()
    await room.keys.revoke(id, 'gone', actor)
    await expect(room.keys.edit(id, { name: 'x' }, actor)).rejects.toMatchObject({ code: 'key_revoked' })
    await expect(
      room.keys.edit('018f0000-0000-7000-8000-000000000000', { name: 'x' }, actor),
    ).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('an edit of a service user', () => {
  it('changes what it names under its version, and says so in the history', async () => {
    const name = await room.newUser()
    const before = await room.keys.findServiceUser(name)
    const input = { name: `${name}-new`, owner: 'new@example.com', customer: 'acme', ifMatch: before.version }
    const after = await room.keys.editServiceUser(name, input, actor)
    expect(after).toMatchObject({
      id: before.id,
      name: `${name}-new`,
      owner: 'new@example.com',
      customer: 'acme',
    })
    expect(after.version).toBeGreaterThan(before.version)
    const late = room.keys.editServiceUser(before.id, { customer: null, ifMatch: before.version }, actor)
    await expect(late).rejects.toMatchObject({ code: 'version_changed' })
    expect(await room.keys.editServiceUser(before.id, { customer: null }, actor)).toMatchObject({
      customer: null,
    })
    const [change] = await room.store.keys.history(before.id)
    expect(change).toMatchObject({
      what: 'edited',
      subjectKind: 'service-user',
      reason: 'customer: acme → none',
    })
  })

  test.each<[object, string]>([
    [{ name: '' }, 'name_invalid'],
    [{ name: '018f0000-0000-7000-8000-000000000000' }, 'name_invalid'],
    [{ owner: 'nobody' }, 'owner_invalid'],
    [{ owner: null }, 'owner_required'],
    [{ backupOwner: 'a@b.de, c@d.de' }, 'owner_invalid'],
    [{ customer: '\u0000' }, 'customer_invalid'],
  ])('with %j is refused: %s', async (input, code) => {
    const name = await room.newUser()
    const before = await room.keys.findServiceUser(name)
    await expect(room.keys.editServiceUser(name, input, actor)).rejects.toMatchObject({ code })
    expect(await room.keys.findServiceUser(name)).toEqual(before)
  })

  it('never takes the name of another', async () => {
    const [one, other] = [await room.newUser(), await room.newUser()]
    await expect(room.keys.editServiceUser(one, { name: other }, actor)).rejects.toMatchObject({
      code: 'name_taken',
    })
  })
})
