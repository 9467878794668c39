import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { outcomes } from '../../src/domain/call.ts'
import type { CallRecord, EndRecord, Outcome } from '../../src/domain/call.ts'
import { newId } from '../../src/domain/id.ts'
import type { Store } from '../../src/domain/ports.ts'
import { at, batchOf, call, end } from './records.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const hour = Math.floor(at / hourMs) * hourMs

/** What keys did, by hour and by day: what every engine passes. */
export function rollUpConformance(current: () => Store): void {
  const append = (calls: CallRecord[], ends: EndRecord[] = [], lastUsed: [string, number][] = []) =>
    current().trail.append(batchOf(calls, ends, lastUsed))
  const toolsOf = (keyId: string) => current().usage.tools(keyId, at - 40 * dayMs, at + 40 * dayMs)
  const calls = (over: Partial<Record<Outcome, number>>) => ({
    ...(Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>),
    ...over,
  })

  /** What the trail itself says of a key, counted row by row. */
  async function countedFromTrail(keyId: string): Promise<Map<string, number>> {
    const { data } = await current().trail.list({ keyId, limit: 10_000 })
    const counts = new Map<string, number>()
    for (const { at: when, tool, outcome, count } of data) {
      const name = JSON.stringify([Math.floor(when / hourMs) * hourMs, tool, outcome])
      counts.set(name, (counts.get(name) ?? 0) + count)
    }
    return counts
  }

  /** What the roll-ups say of it; `hours` are those that something happened in. */
  async function countedFromRollUps(keyId: string, hours: readonly number[]): Promise<Map<string, number>> {
    const counts = new Map<string, number>()
    for (const from of hours)
      for (const { tool, calls: made } of await current().usage.tools(keyId, from, from + hourMs))
        for (const outcome of outcomes)
          if (made[outcome] !== 0) counts.set(JSON.stringify([from, tool, outcome]), made[outcome])
    return counts
  }

  describe('roll-ups', () => {
    test('count each call by tool and outcome, a counted denial as many times as it stands for', async () => {
      const keyId = newId(at)
      await append([
        call({ keyId, at, tool: 'forecast' }),
        call({ keyId, at: at + 1, tool: 'forecast' }),
        call({ keyId, at: at + 2, tool: 'forecast', outcome: 'failed' }),
        call({ keyId, at: at + 3, tool: 'plan', outcome: 'denied', count: 40, lastAt: at + 900 }),
        call({ keyId, at: at + 4, tool: null, method: 'tools/list' }),
        call({ keyId: null, at, tool: 'forecast' }),
      ])
      expect(await toolsOf(keyId)).toMatchObject([
        { tool: 'plan', calls: calls({ denied: 40 }), p50Ms: null, p95Ms: null, lastAt: at + 900 },
        { tool: 'forecast', calls: calls({ succeeded: 2, failed: 1 }), lastAt: at + 2 },
      ])
      const today = new Date(at).toISOString().slice(0, 10)
      expect((await current().usage.days([keyId], today, today)).get(keyId)).toEqual([
        { day: today, calls: 44, refused: 40 },
      ])
    })

    test.each<[string, (batch: { made: CallRecord; ended: EndRecord }) => [CallRecord[], EndRecord[]][]]>([
      ['in the same batch', ({ made, ended }) => [[[made], [ended]]]],
      [
        'in a later batch',
        ({ made, ended }) => [
          [[made], []],
          [[], [ended]],
        ],
      ],
      [
        'in an earlier batch',
        ({ made, ended }) => [
          [[], [ended]],
          [[made], []],
        ],
      ],
      ['twice in a batch', ({ made, ended }) => [[[made], [ended, { ...ended, outcome: 'aborted' }]]]],
      [
        'again, with its call',
        ({ made, ended }) => [
          [[made], []],
          [[made], [ended]],
          [[made], [ended]],
        ],
      ],
    ])('a stream’s end moves its call from unknown to its outcome: %s', async (_, batchesOf) => {
      const keyId = newId(at)
      const made = call({ keyId, outcome: null, durationMs: null })
      const ended = end(made.id, { outcome: 'failed', durationMs: 240 })
      for (const [some, ends] of batchesOf({ made, ended })) await append(some, ends)
      expect(await toolsOf(keyId)).toMatchObject([
        { tool: 'forecast', calls: calls({ failed: 1 }), p50Ms: 240 },
      ])
    })

    test('a stream without an end counts as unknown, and one that was refused after all as refused', async () => {
      const keyId = newId(at)
      const [open, refused] = [
        call({ keyId, outcome: null, durationMs: null }),
        call({ keyId, outcome: null }),
      ]
      await append([open, refused], [end(refused.id, { outcome: 'denied', reason: 'revoked_key' })])
      expect(await toolsOf(keyId)).toMatchObject([{ calls: calls({ unknown: 1, denied: 1 }), p50Ms: null }])
      const today = new Date(at).toISOString().slice(0, 10)
      expect((await current().usage.days([keyId], today, today)).get(keyId)).toMatchObject([
        { calls: 2, refused: 1 },
      ])
    })

    test('a batch that comes again, whole or in other parts, counts nothing twice', async () => {
      const keyId = newId(at)
      const rows = Array.from({ length: 6 }, (_, n) => call({ keyId, at: at + n }))
      await append(rows)
      await append(rows)
      await append(rows.slice(2), [], [[keyId, at]])
      await append([...rows, call({ keyId })])
      expect(await toolsOf(keyId)).toMatchObject([{ calls: calls({ succeeded: 7 }) }])
    })

    test('a batch that is refused for one of its rows counts nothing', async () => {
      const keyId = newId(at)
      const spoilt = call({ keyId, outcome: 'no-outcome' as never })
      await expect(append([call({ keyId }), spoilt])).rejects.toMatchObject({ code: 'statement_failed' })
      await expect(append([call({ keyId }), spoilt], [], [[keyId, at]])).rejects.toThrow()
      expect(await toolsOf(keyId)).toEqual([])
    })

    test('whatever the order, the parts and the repeats, they say what the trail says', async () => {
      const hours = [hour, hour + hourMs]
      const row = fc.record({
        hour: fc.constantFrom(...hours),
        tool: fc.constantFrom('forecast', 'plan', 'ünï 🜁'),
        outcome: fc.constantFrom(null, ...outcomes),
        ended: fc.constantFrom(null, 'succeeded', 'failed', 'aborted', 'denied'),
        count: fc.constantFrom(1, 1, 3),
        writer: fc.constantFrom('node-1', 'node-2'),
      })
      const step = fc.record({
        rows: fc.array(fc.nat(11), { maxLength: 8 }),
        ends: fc.array(fc.nat(11), { maxLength: 6 }),
        withUse: fc.boolean(),
      })
      await fc.assert(
        fc.asyncProperty(
          fc.array(row, { minLength: 12, maxLength: 12 }),
          fc.array(step, { maxLength: 6 }),
          async (made, steps) => {
            const keyId = newId(at)
            const rows = made.map(({ hour: when, tool, outcome, count, writer }) =>
              call({ keyId, at: when + 5, tool, outcome, count, writer }),
            )
            const endOf = (n: number) => {
              // Only calls without an outcome of their own have an end.
              const outcome = made[n]?.outcome === null ? made[n].ended : null
              return outcome === null ? [] : [end(rows[n]?.id ?? '', { outcome })]
            }
            for (const { rows: some, ends, withUse } of steps)
              await append(
                some.flatMap((n) => rows[n] ?? []),
                ends.flatMap(endOf),
                withUse ? [[keyId, at]] : [],
              )
            expect(await countedFromRollUps(keyId, hours)).toEqual(await countedFromTrail(keyId))
          },
        ),
        { numRuns: 25 },
      )
    })

    test('percentiles are those of the calls that were carried out, to the width of a bucket', async () => {
      const keyId = newId(at)
      const durations = Array.from({ length: 100 }, (_, n) => (n + 1) * 10)
      await append(durations.map((durationMs) => call({ keyId, durationMs })))
      await append(
        durations.map((durationMs) => call({ keyId, durationMs, outcome: 'denied' })),
        [],
        [[keyId, at]],
      )
      const [usage] = await toolsOf(keyId)
      expect(usage?.p50Ms).toBeGreaterThan(500 / 1.2)
      expect(usage?.p50Ms).toBeLessThan(500 * 1.2)
      expect(usage?.p95Ms).toBeGreaterThan(950 / 1.2)
      expect(usage?.p95Ms).toBeLessThan(950 * 1.2)
    })

    test('texts that the database takes for one are one tool, and fail no batch', async () => {
      const keyId = newId(at)
      const long = 'x'.repeat(127)
      const tools = ['a\0', 'a\uFFFD', 'a\uD800', `${long}🜁 1`, `${long}🜁 2`, '', null]
      await append(tools.map((tool) => call({ keyId, tool })))
      await append(
        tools.map((tool) => call({ keyId, tool })),
        [],
        [[keyId, at]],
      )
      expect(await toolsOf(keyId)).toMatchObject([
        { tool: 'a\uFFFD', calls: calls({ succeeded: 6 }) },
        { tool: `${long}🜁`, calls: calls({ succeeded: 4 }) },
      ])
    })

    test('over time, every hour and day is there, with its calls, refusals and failures', async () => {
      const keyId = newId(at)
      await append([
        call({ keyId, at: hour }),
        call({ keyId, at: hour + hourMs - 1, outcome: 'failed' }),
        call({ keyId, at: hour + hourMs, outcome: 'aborted' }),
        call({ keyId, at: hour + 3 * hourMs, outcome: 'denied', count: 5 }),
        call({ keyId, at: hour - 1 }),
      ])
      expect(await current().usage.overTime(keyId, hour + 10, hour + 3 * hourMs + 1, 'hour')).toEqual([
        { at: hour, calls: 2, refused: 0, failed: 1 },
        { at: hour + hourMs, calls: 1, refused: 0, failed: 1 },
        { at: hour + 2 * hourMs, calls: 0, refused: 0, failed: 0 },
        { at: hour + 3 * hourMs, calls: 5, refused: 5, failed: 0 },
      ])
      const day = Math.floor(at / dayMs) * dayMs
      expect(await current().usage.overTime(keyId, day - dayMs, day + dayMs, 'day')).toEqual([
        { at: day - dayMs, calls: 0, refused: 0, failed: 0 },
        { at: day, calls: 9, refused: 5, failed: 2 },
      ])
      expect(await current().usage.overTime('no-id', day, day + dayMs, 'day')).toHaveLength(1)
      expect(await current().usage.overTime(keyId, day, day, 'day')).toEqual([])
    })

    test('the tools that are known are each named once, by name, up to a limit', async () => {
      const names = ['known 1', 'known 2', 'known 3']
      for (const tool of [...names, ...names])
        await append([call({ keyId: newId(at), tool }), call({ keyId: null, tool })])
      const known = await current().usage.knownTools(1000)
      expect(known.filter((tool) => tool.startsWith('known '))).toEqual(names)
      expect(known).toEqual([...new Set(known)])
      expect(known).not.toContain('')
      expect(await current().usage.knownTools(2)).toEqual(known.slice(0, 2))
    })

    test('of tools that were only denied none is known: their names are whatever a caller sent', async () => {
      const tried = `known ${newId(at)}`
      const keyId = newId(at)
      await append([call({ keyId, tool: tried, outcome: 'denied', count: 9 })])
      expect(await current().usage.knownTools(1000)).not.toContain(tried)
      await append([call({ keyId, tool: tried, outcome: 'failed' })])
      expect(await current().usage.knownTools(1000)).toContain(tried)
    })

    test('of a key that named very many tools, the 200 called most are told, each with all its calls', async () => {
      const keyId = newId(at)
      const number = (n: number) => String(n).padStart(3, '0')
      await append([
        ...Array.from({ length: 220 }, (_, n) =>
          call({ keyId, tool: `tool ${number(n)}`, outcome: 'denied', count: n < 10 ? 1 : 2 }),
        ),
        ...['succeeded' as const, 'failed' as const].map((outcome) =>
          call({ keyId, tool: 'tool 003', outcome, durationMs: 10 }),
        ),
      ])
      const told = await toolsOf(keyId)
      expect(told.slice(0, 2)).toMatchObject([
        {
          tool: 'tool 003',
          calls: calls({ succeeded: 1, failed: 1, denied: 1 }),
          p50Ms: expect.any(Number) as number,
        },
        { tool: 'tool 010' },
      ])
      expect(told.map(({ tool }) => tool)).toEqual([
        'tool 003',
        ...Array.from({ length: 199 }, (_, n) => `tool ${number(n + 10)}`),
      ])
    })

    test('whether a name was called that a pattern fits, denials apart, is told of every name there is', async () => {
      const keyId = newId(at)
      await append([
        call({ keyId, tool: 'forecast_make' }),
        call({ keyId, tool: '50%_\\x', outcome: 'failed' }),
        call({ keyId, tool: 'delete_all', outcome: 'denied', count: 5 }),
        call({ keyId, at: at - 50 * dayMs, tool: 'early' }),
        call({ keyId: newId(at), tool: 'of another' }),
      ])
      const used = (...patterns: string[]) =>
        current().usage.areUsed(
          keyId,
          patterns.map((pattern) => pattern.split('*')),
          at - 40 * dayMs,
          at + dayMs,
        )
      expect(await used('forecast_*', '*_m*ke', 'forecast_make', '*')).toEqual([true, true, true, true])
      expect(await used('forecast', 'Forecast_*', 'forecastXm*', 'f_*')).toEqual([false, false, false, false])
      expect(await used('50%_\\x', '*\\x', '5%', '50%_\\\\x')).toEqual([true, true, false, false])
      expect(await used('delete_*', 'early', 'of *')).toEqual([false, false, false])
      expect(await used()).toEqual([])
      expect(await current().usage.areUsed('no-id', [['*']], at, at + 1)).toEqual([false])
    })

    test('days are all there, for keys without calls and ids that are none, too', async () => {
      const keyId = newId(at)
      await append([
        call({ keyId, at: Date.UTC(2026, 1, 28, 23, 59, 59, 999) }),
        call({ keyId, at: Date.UTC(2026, 2, 1) }),
      ])
      const days = await current().usage.days([keyId, 'no-id'], '2026-02-27', '2026-03-01')
      const none = { calls: 0, refused: 0 }
      expect(days.get(keyId)).toEqual([
        { day: '2026-02-27', ...none },
        { day: '2026-02-28', calls: 1, refused: 0 },
        { day: '2026-03-01', calls: 1, refused: 0 },
      ])
      expect(days.get('no-id')).toEqual(
        ['2026-02-27', '2026-02-28', '2026-03-01'].map((day) => ({ day, ...none })),
      )
    })
  })
}
