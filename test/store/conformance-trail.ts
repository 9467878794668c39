import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { CallRecord, EndRecord } from '../../src/domain/call.ts'
import { newId } from '../../src/domain/id.ts'
import type { Store, TrailFilter } from '../../src/domain/ports.ts'
import {
  at,
  batchOf,
  call,
  createKey,
  createUserWithKey,
  end,
  ofNewerVersion,
  serviceKey,
  serviceUser,
} from './records.ts'

/** The trail, and text that breaks things: what every engine passes. */
export function trailConformance(current: () => Store): void {
  async function listed(filter: Partial<TrailFilter>) {
    return (await current().trail.list({ limit: 100, ...filter })).data
  }

  describe('the trail', () => {
    test('a call comes back as it was recorded, with when the database took it', async () => {
      const full = call({
        keyId: newId(at),
        serviceUserId: newId(at),
        lastAt: at + 1,
        count: 7,
        sequence: Number.MAX_SAFE_INTEGER,
      })
      const empty = call({
        credentialKind: null,
        httpMethod: null,
        path: null,
        method: null,
        tool: null,
        outcome: 'denied',
        reason: 'missing_credential',
        status: 401,
        durationMs: null,
        clientAddress: null,
        userAgent: null,
      })
      const person = call({ credentialKind: 'session', principal: 'user:ada' })
      await current().trail.append(batchOf([full, empty, person]))
      const rows = await listed({})
      const { recordedAt, ...row } = rows.find(({ id }) => id === full.id) ?? { recordedAt: Number.NaN }
      // A service user is named by its own column, and reads like everyone else.
      expect(row).toEqual({ ...full, principal: `service:${full.serviceUserId}` })
      expect(rows.find(({ id }) => id === person.id)).toMatchObject({ principal: 'user:ada' })
      expect(Math.abs(recordedAt - Date.now())).toBeLessThan(60_000)
      expect(rows.find(({ id }) => id === empty.id)).toMatchObject(empty)
    })

    test('instants survive to the millisecond', async () => {
      const keyId = newId(at)
      const calls = Array.from({ length: 200 }, () => {
        const instant = Math.floor(Math.random() * 4_000_000_000_000)
        return call({ keyId, at: instant, lastAt: instant + 1 })
      })
      await current().trail.append(batchOf(calls))
      const rows = await listed({ keyId, limit: 300 })
      expect(new Map(rows.map((row) => [row.id, row.at]))).toEqual(
        new Map(calls.map((row) => [row.id, row.at])),
      )
      expect(rows.every((row) => row.lastAt === row.at + 1)).toBe(true)
    })

    test('a call without an end reads unknown, and with its end as that says', async () => {
      const keyId = newId(at)
      const open = { keyId, outcome: null, durationMs: null, status: 200 } as const
      const [lost, ended, aborted] = [call(open), call(open), call(open)]
      await current().trail.append(batchOf([lost, ended]))
      await current().trail.append(batchOf([aborted], [end(ended.id, { outcome: 'failed', durationMs: 99 })]))
      await current().trail.append(
        batchOf([], [end(aborted.id, { outcome: 'aborted', reason: 'executed_unrecorded', status: 500 })]),
      )
      const rows = new Map((await listed({ keyId })).map((row) => [row.id, row]))
      expect(rows.get(lost.id)).toMatchObject({
        outcome: 'unknown',
        durationMs: null,
        status: 200,
        reason: null,
      })
      expect(rows.get(ended.id)).toMatchObject({ outcome: 'failed', durationMs: 99, status: 200 })
      expect(rows.get(aborted.id)).toMatchObject({
        outcome: 'aborted',
        reason: 'executed_unrecorded',
        status: 500,
        durationMs: 50,
      })
    })

    test('rows that are there already stay as they are, and an end that comes before its call waits', async () => {
      const keyId = newId(at)
      const first = call({ keyId, outcome: null, durationMs: null, tool: 'first' })
      await current().trail.append(batchOf([], [end(first.id)]))
      expect(await listed({ keyId })).toEqual([])
      await current().trail.append(batchOf([first]))
      await current().trail.append(
        batchOf([{ ...first, tool: 'second' }], [end(first.id, { outcome: 'failed' }), end(first.id)]),
      )
      await current().trail.append(batchOf([first, first]))
      expect(await listed({ keyId })).toMatchObject([{ tool: 'first', outcome: 'succeeded' }])
    })

    test('a batch that is sent again is completed: rows that are there already keep out no others', async () => {
      const keyId = newId(at)
      const first = call({ keyId, tool: 'first' })
      const second = call({ keyId, at: at + 1, tool: 'second' })
      const third = call({ keyId, at: at + 2, tool: 'third' })
      await current().trail.append(batchOf([second]))
      await current().trail.append(batchOf([first, { ...second, tool: 'another' }, third, third]))
      expect((await listed({ keyId })).map(({ tool }) => tool)).toEqual(['third', 'second', 'first'])
    })

    test('a batch is taken whole or not at all', async () => {
      const keyId = newId(at)
      const wrong = call({ keyId, status: 1e12 })
      await expect(current().trail.append(batchOf([call({ keyId }), wrong]))).rejects.toThrow()
      expect(await listed({ keyId })).toEqual([])
    })

    test('the last use of a key only moves forward, and of an unknown key is nothing', async () => {
      const { key } = await createUserWithKey(current())
      const { epoch } = await current().lookups.poll(0)
      const lastUse = async () => (await current().keys.findKey(key.id))?.key.lastUsedAt
      await current().trail.append(
        batchOf(
          [],
          [],
          [
            [key.id, at + 10],
            [newId(at), at],
          ],
        ),
      )
      expect(await lastUse()).toBe(at + 10)
      await current().trail.append(batchOf([], [], [[key.id, at + 5]]))
      expect(await lastUse()).toBe(at + 10)
      await current().trail.append(batchOf([call()], [], [[key.id, at + 11]]))
      expect(await lastUse()).toBe(at + 11)
      expect((await current().lookups.poll(0)).epoch).toBe(epoch)
      await current().trail.append(batchOf([]))
    })

    test('each filter selects what it says, and all of them together', async () => {
      const [keyId, serviceUserId] = [newId(at), newId(at)]
      const tool = `tool ${keyId} ${'long'.repeat(60)}`
      const base = { keyId, serviceUserId, tool }
      const calls = [
        call(base),
        call({ ...base, at: at + 1_000 }),
        call({ ...base, at: at + 2_000, outcome: 'denied', reason: 'revoked_key' }),
        call({ ...base, at: at + 3_000, tool: `${tool}!` }),
        call({ ...base, at: at + 4_000, keyId: newId(at) }),
        call({ ...base, at: at + 5_000, outcome: null }),
      ]
      await current().trail.append(batchOf(calls))
      const indexes = async (filter: Partial<TrailFilter>) =>
        (await listed({ serviceUserId, ...filter })).map(({ id }) =>
          calls.findIndex((made) => made.id === id),
        )
      expect(await indexes({})).toEqual([5, 4, 3, 2, 1, 0])
      expect(await indexes({ keyId })).toEqual([5, 3, 2, 1, 0])
      expect(await indexes({ tool })).toEqual([5, 4, 2, 1, 0])
      expect(await indexes({ outcome: 'denied' })).toEqual([2])
      expect(await indexes({ outcome: 'unknown' })).toEqual([5])
      expect(await indexes({ from: at + 1_000, to: at + 3_000 })).toEqual([2, 1])
      expect(await indexes({ from: at + 1_001 })).toEqual([5, 4, 3, 2])
      expect(await indexes({ keyId, tool, outcome: 'succeeded', from: at + 1 })).toEqual([1])
      const { recordedAt } = (await listed({ keyId }))[0] ?? { recordedAt: Number.NaN }
      expect(await indexes({ recordedFrom: recordedAt })).toEqual([5, 4, 3, 2, 1, 0])
      expect(await indexes({ recordedFrom: recordedAt + 1 })).toEqual([])
      expect(await indexes({ keyId: "' OR true --" })).toEqual([])
      expect(await indexes({ serviceUserId: 'no-id' })).toEqual([])
    })

    test('pages follow each other without gap or repeat while rows are added', async () => {
      const keyId = newId(at)
      const calls = Array.from({ length: 7 }, (_, n) => call({ keyId, at: at + n }))
      await current().trail.append(batchOf(calls))
      const ids: string[] = []
      let cursor: string | undefined
      do {
        const page = await current().trail.list({
          keyId,
          limit: 3,
          ...(cursor === undefined ? {} : { cursor }),
        })
        ids.push(...page.data.map(({ id }) => id))
        cursor = page.nextCursor ?? undefined
        await current().trail.append(batchOf([call({ keyId, at: at + 1_000 })]))
      } while (cursor !== undefined)
      expect(ids).toEqual(calls.map(({ id }) => id).toReversed())
    })
  })

  describe('what became of a call beyond its status', () => {
    test('comes back with the call, or with its end where that tells', async () => {
      const keyId = newId(at)
      const facts = { grantsDigest: 'digest', traceId: 'ab'.repeat(16), argumentsHmac: 'hmac' }
      const whole = call({ keyId, at, ...facts, rpcCode: -32_602, isToolError: null })
      const streamed = call({ keyId, at: at + 1, ...facts, outcome: null, traceId: null })
      await current().trail.append(
        batchOf([whole, streamed], [end(streamed.id, { rpcCode: 40_301, isToolError: true })]),
      )
      const plain = call({ keyId, at: at + 2, isToolError: false })
      await current().trail.append(batchOf([plain]))
      expect((await current().trail.list({ keyId, limit: 9 })).data).toMatchObject([
        { ...plain, grantsDigest: null, rpcCode: null, isToolError: false },
        { id: streamed.id, ...facts, traceId: null, rpcCode: 40_301, isToolError: true },
        whole,
      ])
    })

    test('is unknown of rows that an earlier version left in a spool', async () => {
      const keyId = newId(at)
      const { grantsDigest, traceId, argumentsHmac, rpcCode, isToolError, ...older } = call({
        ...{ keyId, outcome: null },
      })
      const { rpcCode: _, isToolError: __, ...olderEnd } = end(older.id)
      await current().trail.append({
        ...{ calls: [older as CallRecord], ends: [olderEnd as EndRecord], lastUsed: new Map() },
      })
      const unknown = { grantsDigest, traceId, argumentsHmac, rpcCode, isToolError }
      expect((await current().trail.list({ keyId, limit: 9 })).data).toMatchObject([
        { id: older.id, ...unknown, outcome: 'succeeded' },
      ])
    })
  })

  describe('the trail of an owner', () => {
    test('holds the calls of their service users alone, newest first, over pages and with any filter', async () => {
      const owner = `${newId(at)}@example.com`
      const [one, two, other] = [
        serviceUser({ owner }),
        serviceUser({ backupOwner: owner.toUpperCase() }),
        serviceUser(),
      ]
      for (const user of [one, two, other]) await current().keys.createServiceUser(user)
      const made = Array.from({ length: 9 }, (_, n) =>
        call({
          ...{ at: at + n, serviceUserId: [one.id, two.id, other.id][n % 3] ?? null },
          ...{ tool: n < 6 ? 'forecast' : 'plan' },
        }),
      )
      await current().trail.append(batchOf(made))
      const owned = made.filter(({ serviceUserId }) => serviceUserId !== other.id).toReversed()
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await current().trail.list({
          ...{ ownedBy: owner, limit: 2 },
          ...(cursor === undefined ? {} : { cursor }),
        })
        seen.push(...page.data.map(({ id }) => id))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      expect(seen).toEqual(owned.map(({ id }) => id))
      const list = async (filter: object) =>
        (await current().trail.list({ ownedBy: owner, limit: 99, ...filter })).data.map(({ id }) => id)
      expect(await list({ tool: 'plan' })).toEqual(
        owned.filter(({ tool }) => tool === 'plan').map(({ id }) => id),
      )
      expect(await list({ serviceUserId: other.id })).toEqual([])
      expect(await list({ serviceUserId: one.id, from: at + 3, to: at + 7 })).toEqual(
        owned
          .filter((each) => each.serviceUserId === one.id && each.at >= at + 3 && each.at < at + 7)
          .map(({ id }) => id),
      )
      expect(await list({ ownedBy: 'nobody@example.com' })).toEqual([])
    })
  })

  describe('hostile text', () => {
    test('NUL and unpaired surrogates become U+FFFD, and fail no batch', async () => {
      const keyId = newId(at)
      await current().trail.append(
        batchOf([call({ keyId, tool: 'a\0b', userAgent: '\ud800x', path: '"\\\0' })]),
      )
      const [row] = (await current().trail.list({ keyId, limit: 1 })).data
      expect(row).toMatchObject({ tool: 'a\uFFFDb', userAgent: '\uFFFDx', path: '"\\\uFFFD' })
      expect((await current().trail.list({ keyId, tool: 'a\0b', limit: 1 })).data).toHaveLength(1)
      const user = serviceUser({ name: `\0 ${keyId}` })
      await current().keys.createServiceUser(user)
      expect(await current().keys.findServiceUser(user.name)).toMatchObject({ name: `\uFFFD ${keyId}` })
    })

    test('text of any length fails no batch', async () => {
      const keyId = newId(at)
      const tool = randomBytes(100_000).toString('base64')
      await current().trail.append(batchOf([call({ keyId, tool, path: tool, userAgent: tool })]))
      expect((await current().trail.list({ keyId, tool, limit: 1 })).data).toMatchObject([
        { tool, path: tool },
      ])
    })

    test.each([
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      "'; DROP TABLE x; --",
      'NULL',
      '{}',
      '{"a"}',
    ])('the name %s is text like any other', async (name) => {
      const user = serviceUser({ name, owner: name, customer: name, createdBy: name })
      await current().keys.createServiceUser(user)
      expect(await current().keys.findServiceUser(name)).toMatchObject(user)
      const grants = ofNewerVersion({ [name]: [name] })
      const { key, digest } = serviceKey(user.id, { name, start: name, grants })
      await createKey(current(), { key, digest })
      expect((await current().keys.findKey(key.id))?.key).toEqual(key)
      const made = call({ keyId: key.id, tool: name, path: name, userAgent: name, requestId: name })
      await current().trail.append(batchOf([made]))
      expect((await current().trail.list({ keyId: key.id, tool: name, limit: 1 })).data).toMatchObject([made])
    })

    const corpus = '../shared/corpora/naughty-strings.json'
    test.skipIf(!existsSync(corpus))(
      `every string of ${corpus} comes back as it was (skipped where absent)`,
      async () => {
        const strings: string[] = JSON.parse(readFileSync(corpus, 'utf8'))
        const stored = strings.map((text) => Buffer.from(text).toString().replaceAll('\0', '\uFFFD'))
        const user = serviceUser()
        await current().keys.createServiceUser(user)
        for (const [index, name] of strings.entries()) {
          const grants = ofNewerVersion({ text: name.replaceAll('\0', '') })
          await createKey(current(), serviceKey(user.id, { id: newId(at + index), name, grants }))
        }
        const keys = (
          await current().keys.listKeys({ now: at, serviceUserId: user.id, limit: strings.length })
        ).data
        expect(keys.toReversed().map(({ key }) => key.name)).toEqual(stored)
        expect(keys.toReversed().map(({ key }) => key.grants)).toEqual(
          strings.map((name) => ({ text: name.replaceAll('\0', '') })),
        )
        const keyId = newId(at)
        await current().trail.append(
          batchOf(
            strings.map((text, n) => call({ keyId, at: at + n, tool: text, path: text, userAgent: text })),
          ),
        )
        const { data } = await current().trail.list({ keyId, limit: strings.length })
        expect(data.toReversed().map(({ tool }) => tool)).toEqual(stored)
        expect(data.toReversed().map(({ userAgent }) => userAgent)).toEqual(stored)
      },
    )
  })
}
