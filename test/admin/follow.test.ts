import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CallJson } from '../../src/admin/schemas-audit.ts'
import { follower, type ReadPage } from '../../src/admin/follow.ts'
import { newId } from '../../src/domain/id.ts'

const start = Date.parse('2026-11-23T12:00:00Z')

/** A trail whose rows become visible in any order, as transactions commit. */
function trail() {
  const rows: CallJson[] = []
  const readPage: ReadPage = async ({ recordedFrom, limit, cursor }) => {
    const matching = rows
      .filter((row) => recordedFrom === undefined || row.recordedAt >= recordedFrom)
      .filter((row) => cursor === undefined || row.id < cursor)
      .toSorted((a, b) => (a.id < b.id ? 1 : -1))
    const data = matching.slice(0, Number(limit))
    return { data, nextCursor: matching.length > data.length ? (data.at(-1)?.id ?? null) : null }
  }
  return { rows, readPage }
}

function row(atMs: number, recordedMs = atMs): CallJson {
  const at = new Date(atMs).toISOString()
  return {
    ...{ id: newId(atMs), writer: 'w', boot: 'b', sequence: 1, at, requestId: 'r', credentialKind: null },
    ...{
      keyId: null,
      serviceUserId: null,
      principal: null,
      httpMethod: null,
      path: null,
      method: null,
      tool: null,
    },
    ...{
      traceId: null,
      grantsDigest: null,
      argumentsHmac: null,
      rpcCode: null,
      isToolError: null,
      outcome: 'succeeded',
      reason: null,
      status: 200,
      durationMs: 1,
      clientAddress: null,
      userAgent: null,
    },
    ...{ count: 1, lastAt: at, recordedAt: new Date(recordedMs).toISOString() },
  }
}

test('begins with the last ten calls, oldest first', async () => {
  const { rows, readPage } = trail()
  for (let index = 0; index < 30; index++) rows.push(row(start + index))
  expect(await follower(readPage)()).toEqual(rows.slice(20))
})

test('shows more new calls than fit a page', async () => {
  const { rows, readPage } = trail()
  const next = follower(readPage)
  rows.push(row(start))
  expect(await next()).toHaveLength(1)
  for (let index = 1; index <= 450; index++) rows.push(row(start + index))
  expect(await next()).toEqual(rows.slice(1))
  expect(await next()).toEqual([])
})

test('an empty trail is followed from its first call on', async () => {
  const { rows, readPage } = trail()
  const next = follower(readPage)
  expect(await next()).toEqual([])
  rows.push(row(start))
  expect(await next()).toEqual(rows)
})

test('a stream is shown with its outcome, when it has come, or as unknown where it does not come', async () => {
  const { rows, readPage } = trail()
  const next = follower(readPage)
  const ending = { ...row(start), outcome: 'unknown' as const }
  const endless = { ...row(start + 1), outcome: 'unknown' as const }
  rows.push(ending, endless)
  expect(await next()).toEqual([])
  ending.outcome = 'succeeded' as never
  expect(await next()).toEqual([ending])
  const later = [await next(), await next(), await next(), await next()].flat()
  expect(later).toEqual([endless])
})

test('every call is shown once, also where rows commit up to ten seconds out of order', async () => {
  const step = fc.record({ lateMs: fc.integer({ min: 0, max: 9000 }), polls: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { rows, readPage } = trail()
      const next = follower(readPage)
      const seen: string[] = []
      rows.push(row(start))
      seen.push(...(await next()).map(({ id }) => id))
      let now = start + 10_000
      for (const { lateMs, polls } of steps) {
        now += 500
        rows.push(row(now - lateMs))
        if (polls) seen.push(...(await next()).map(({ id }) => id))
      }
      seen.push(...(await next()).map(({ id }) => id))
      expect(seen.toSorted()).toEqual(rows.map(({ id }) => id).toSorted())
    }),
  )
})
