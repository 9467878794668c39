import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { limitsText, type AskedLimits } from '../../src/keys/limits.ts'
import { actor, openKeyRoom, type KeyRoom } from './key-room.ts'

let room: KeyRoom
beforeAll(async () => {
  room = await openKeyRoom()
}, 60_000)
afterAll(() => room.close())

async function newKey(limits?: AskedLimits, more: object = {}): Promise<string> {
  const input = { serviceUser: await room.newUser(), ...(limits === undefined ? {} : { limits }), ...more }
  return (await room.keys.issue(input, actor)).key.key.id
}

async function grantsOf(id: string) {
  return (await room.keys.show(id)).key.key.grants
}

const minute = { points: 60, perSeconds: 60 }

describe('a key is issued', () => {
  test.each<[AskedLimits, object]>([
    [{ rate: '60/m' }, { rate: minute }],
    [{ rate: ' 60/m ', burst: 20, daily: null }, { rate: { ...minute, burst: 20 } }],
    [
      {
        tools: [
          { tool: 'b', rate: '60/m', burst: null },
          { tool: 'a_*', rate: '60/m', burst: 1 },
        ],
      },
      {
        tools: [
          { tool: 'a_*', ...minute, burst: 1 },
          { tool: 'b', ...minute },
        ],
      },
    ],
    [
      { concurrent: 4, daily: 5, monthly: 6 },
      { concurrent: 4, daily: 5, monthly: 6 },
    ],
  ])('with its limits as they are kept: %j', async (asked, kept) => {
    expect(await grantsOf(await newKey(asked))).toEqual({ limits: kept })
  })

  test.each<[AskedLimits | undefined]>([[undefined], [{}], [{ rate: null, tools: [], monthly: null }]])(
    'without any where none are named: %j',
    async (asked) => {
      expect(await grantsOf(await newKey(asked))).toEqual({})
    },
  )

  test.each<[AskedLimits, string]>([
    [{ rate: 'fast' }, 'limits.rate'],
    [{ rate: '0/m' }, 'limits.rate'],
    [{ burst: 5 }, 'limits.burst'],
    [{ rate: '1/m', burst: 0 }, 'limits.burst'],
    [{ concurrent: 0 }, 'limits.concurrent'],
    [{ concurrent: 10_001 }, 'limits.concurrent'],
    [{ daily: 1.5 }, 'limits.daily'],
    [{ monthly: -1 }, 'limits.monthly'],
    [{ tools: [{ tool: 'a**', rate: '1/m' }] }, 'limits.tools[0].tool'],
    [{ tools: [{ tool: '!a', rate: '1/m' }] }, 'limits.tools[0].tool'],
    [{ tools: [{ tool: 'prompt:a', rate: '1/m' }] }, 'limits.tools[0].tool'],
    [{ tools: [{ tool: 'a', rate: '1' }] }, 'limits.tools[0].rate'],
    [{ tools: [{ tool: 'a', rate: '1/m', burst: 0 }] }, 'limits.tools[0].burst'],
    [
      {
        tools: [
          { tool: 'a', rate: '1/m' },
          { tool: 'a', rate: '2/m' },
        ],
      },
      'limits.tools',
    ],
    [{ tools: Array.from({ length: 21 }, (_, at) => ({ tool: `t${at}`, rate: '1/m' })) }, 'limits.tools'],
  ])('%j is refused, and says where the fault is', async (limits, field) => {
    await expect(newKey(limits)).rejects.toMatchObject({ code: 'limit_invalid', field })
  })

  it('once, though it is asked for twice with other limits under one idempotency key', async () => {
    const serviceUser = await room.newUser()
    await room.keys.issue({ serviceUser, limits: { daily: 1 } }, actor, 'again')
    const other = room.keys.issue({ serviceUser, limits: { daily: 2 } }, actor, 'again')
    await expect(other).rejects.toMatchObject({ code: 'idempotency_key_reused' })
  })
})

describe('an edit', () => {
  it('replaces all limits, says what it did, and leaves the rest', async () => {
    const id = await newKey({ rate: '60/m', daily: 5 }, { tools: ['a_*'] })
    await room.keys.edit(id, { limits: { rate: '5/s', concurrent: 2 } }, actor)
    expect(await grantsOf(id)).toEqual({
      tools: ['a_*'],
      limits: { rate: { points: 5, perSeconds: 1 }, concurrent: 2 },
    })
    await room.keys.edit(id, { name: 'other' }, actor)
    await room.keys.edit(id, { limits: {} }, actor)
    expect(await grantsOf(id)).toEqual({ tools: ['a_*'] })
    const { history } = await room.keys.show(id)
    expect(history.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['limits: 60/m, 5 a day → 5/s, 2 at once', 'limits: 5/s, 2 at once → none']),
    )
  })

  it('of other things leaves the limits as they are', async () => {
    const id = await newKey({ daily: 5 })
    await room.keys.edit(id, { tools: ['x'] }, actor)
    expect(await grantsOf(id)).toEqual({ tools: ['x'], limits: { daily: 5 } })
  })

  it('that changes nothing leaves no trace', async () => {
    const id = await newKey({ rate: '60/m' })
    await room.keys.edit(id, { limits: { rate: '60/1m' } }, actor)
    expect((await room.keys.show(id)).history).toHaveLength(1)
  })

  it('reaches the living keys that the key minted itself', async () => {
    const id = await newKey({ daily: 9 }, { selfRotate: true })
    const { key } = await room.keys.selfRotate(id, 'one')
    await room.keys.edit(id, { limits: { daily: 1 } }, actor)
    expect((await grantsOf(key.key.id)).limits).toEqual({ daily: 1, countedAs: id })
  })
})

describe('a rotation is no way to a new quota (T33)', () => {
  it('all that comes of a key is counted with the first', async () => {
    const first = await newKey({ daily: 9 }, { selfRotate: true })
    const second = (await room.keys.selfRotate(first, 'one')).key.key.id
    const third = (await room.keys.rotate(second, {}, actor)).key.key.id
    expect((await grantsOf(first)).limits).toEqual({ daily: 9 })
    expect((await grantsOf(second)).limits).toEqual({ daily: 9, countedAs: first })
    expect((await grantsOf(third)).limits).toEqual({ daily: 9, countedAs: first })
    await room.keys.edit(third, { limits: {} }, actor)
    expect((await grantsOf(third)).limits).toEqual({ countedAs: first })
  })

  it('where nothing limits it, its grants stay as they are', async () => {
    const id = await newKey()
    expect(await grantsOf((await room.keys.rotate(id, {}, actor)).key.key.id)).toEqual({})
  })

  it('where the deployment limits all keys, it is counted too', async () => {
    const id = await newKey()
    const { key } = await room.under({ limitsAllKeys: true }).rotate(id, {}, actor)
    expect(key.key.grants).toEqual({ limits: { countedAs: id } })
  })
})

test.each<[Parameters<typeof limitsText>[0], string]>([
  [undefined, 'none'],
  [{ countedAs: 'x' }, 'none'],
  [
    { rate: { ...minute, burst: 3 }, tools: [{ tool: 'a', ...minute }], monthly: 1 },
    '60/m (burst 3), a 60/m, 1 a month',
  ],
])('%j reads as %s', (limits, text) => {
  expect(limitsText(limits)).toBe(text)
})
