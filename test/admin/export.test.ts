import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAdminApi } from '../../src/admin/api.ts'
import { csvLine } from '../../src/admin/csv.ts'
import { exportStream } from '../../src/admin/export.ts'
import type { TrailRow } from '../../src/domain/call.ts'
import { callAt, openAdminWorld, socket, type AdminWorld, type Api } from './admin-world.ts'

const start = Date.parse('2026-11-23T12:00:00Z')

/** The cells of CSV (RFC 4180). */
function readCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/gy
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text)
    if (match === null) throw new Error('not CSV')
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] !== ',') {
      rows.push(row)
      row = []
    }
  }
  return rows
}

describe('a cell of CSV', () => {
  test('holds what it was given, but never the beginning of a formula', () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom(...Array.from('=+-@\t\r\n",\'＝＋－＠a')), fc.string()),
    })
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (cells) => {
        const [row = [], ...others] = readCsv(csvLine(cells))
        expect(others).toEqual([])
        expect(row.map((cell, index) => (cell === `'${cells[index]}` ? cell.slice(1) : cell))).toEqual(cells)
        for (const cell of row) expect(cell).not.toMatch(/^[=+\-@\t\r\n＝＋－＠]/)
      }),
    )
  })

  test.each<[string | number | boolean | null, string]>([
    ["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@x', "'@x"],
    ['\tx', "'\tx"],
    ['a=b', 'a=b'],
    ['a,"b"', '"a,""b"""'],
    [null, ''],
    [0, '0'],
    [false, 'false'],
  ])('%j', (value, expected) => {
    expect(csvLine([value])).toBe(`${expected}\r\n`)
  })
})

describe('the trail is downloaded', () => {
  let world: AdminWorld
  let api: Api
  beforeAll(async () => {
    world = await openAdminWorld()
    api = world.apiFor(socket)
    const calls = Array.from({ length: 1203 }, (_, index) =>
      callAt(start - 2000 + index, index + 1, {
        tool: index % 2 === 0 ? 'even' : '=1+1',
        ...(index === 7 ? { userAgent: '"quoted",\r\nand more', rpcCode: -32_602 } : {}),
      }),
    )
    for (let at = 0; at < calls.length; at += 400)
      // Batch after batch, as a node writes them.
      // oxlint-disable-next-line no-await-in-loop
      await world.store.trail.append({ calls: calls.slice(at, at + 400), ends: [], lastUsed: new Map() })
  })
  afterAll(() => world.close())

  test('as JSON Lines: every row once, newest first, over all pages', async () => {
    const { status, text, headers } = await api('GET', '/audit/export?format=jsonl')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/jsonl; charset=utf-8')
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename="trail-[0-9TZ-]+\.jsonl"$/)
    expect(headers.get('cache-control')).toBe('no-store')
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { sequence: number })
    expect(rows.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 1203 }, (_, at) => 1203 - at))
  })

  test('as CSV, with its headings', async () => {
    const { text, headers } = await api('GET', '/audit/export?format=csv')
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8')
    const [headings = [], ...rows] = readCsv(text)
    expect(rows).toHaveLength(1203)
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([headings.length]))
    const eighth = Object.fromEntries(headings.map((name, at) => [name, rows.at(-8)?.[at]]))
    expect(eighth).toMatchObject({
      sequence: '8',
      tool: "'=1+1",
      userAgent: '"quoted",\r\nand more',
      rpcCode: "'-32602",
      reason: '',
      outcome: 'succeeded',
    })
  })

  test('as it is filtered', async () => {
    const { text } = await api('GET', '/audit/export?format=jsonl&tool=even&to=2026-11-23T11:59:58.010Z')
    const rows = text.trimEnd().split('\n')
    expect(rows.map((line) => (JSON.parse(line) as { sequence: number }).sequence)).toEqual([9, 7, 5, 3, 1])
  })

  test.each(['/audit/export', '/audit/export?format=xml', '/audit/export?format=csv&limit=5'])(
    'not as %s',
    async (path) => {
      expect((await api('GET', path)).status).toBe(400)
    },
  )

  test('by so many at once, and no more', async () => {
    const { handle } = worldHandle()
    const open = () => handle(new Request('http://postern/admin/api-keys/api/v1/audit/export?format=csv'))
    const first = await Promise.all([open(), open()])
    expect(first.map(({ status }) => status)).toEqual([200, 200])
    const third = await open()
    expect([third.status, await third.json()]).toMatchObject([429, { code: 'too_many_at_once' }])
    await first[0]?.body?.cancel()
    const fourth = await open()
    expect(fourth.status).toBe(200)
    await Promise.all([first[1]?.body?.cancel(), fourth.body?.cancel()])
  })

  test.each(['/audit/export?format=csv', '/audit/live'])(
    'takes no place of %s for a HEAD, whose body nobody takes',
    async (path) => {
      const { handle } = worldHandle()
      const ask = (method: string) =>
        handle(new Request(`http://postern/admin/api-keys/api/v1${path}`, { method }))
      for (let round = 0; round < 6; round += 1) {
        // One after the other: each would take one place more.
        // oxlint-disable-next-line no-await-in-loop
        const { status, body } = await ask('HEAD')
        expect([status, body]).toEqual([200, null])
      }
      const opened = await ask('GET')
      expect(opened.status).toBe(200)
      await opened.body?.cancel()
    },
  )

  function worldHandle() {
    return { handle: createAdminApi({ ...world.parts, accessOf: async () => socket }) }
  }
})

describe('a download', () => {
  const row = { at: 0, lastAt: 0, recordedAt: 0, tool: 'x' } as TrailRow

  test('reads a page only once the one before was taken', async () => {
    let pages = 0
    const stream = exportStream({
      format: 'jsonl',
      after: null,
      readPage: async () => ({ data: [row], nextCursor: String((pages += 1)) }),
      isAdmitted: async () => true,
      onOver: () => {},
    })
    const reader = stream.getReader()
    for (let taken = 1; taken <= 5; taken++) {
      // oxlint-disable-next-line no-await-in-loop
      await reader.read()
      expect(pages).toBe(taken)
    }
    await reader.cancel()
  })

  test('that breaks off is an error, and gives its place back', async () => {
    let isOver = false
    let pages = 0
    const stream = exportStream({
      format: 'jsonl',
      after: null,
      readPage: async () => {
        if ((pages += 1) === 3) throw new Error('the database is away')
        return { data: [row], nextCursor: 'next' }
      },
      isAdmitted: async () => true,
      onOver: () => {
        isOver = true
      },
    })
    await expect(new Response(stream).text()).rejects.toThrow()
    expect(isOver).toBe(true)
  })
})
