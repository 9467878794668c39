import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  merged,
  noLiveRows,
  paused,
  resumed,
  withRow,
  type LiveRows,
} from '../../../ui/src/trail/live-rows.ts'

interface Row {
  id: string
}
const none: LiveRows<Row> = noLiveRows
const rows = (...ids: string[]) => ids.map((id) => ({ id }))
const after = (from: LiveRows<Row>, ...ids: string[]) => rows(...ids).reduce(withRow, from)

describe('the live trail', () => {
  it('shows the newest first, and a row once, however often it comes', () => {
    expect(after(none, 'a', 'b', 'a', 'c', 'b').shown).toEqual(rows('c', 'b', 'a'))
  })

  it('moves nothing while paused, and loses nothing of it', () => {
    const held = after(paused(after(none, 'a')), 'b', 'a', 'c')
    expect(held.shown).toEqual(rows('a'))
    expect(held.held).toEqual(rows('c', 'b'))
    expect(resumed(held)).toEqual({ shown: rows('c', 'b', 'a'), held: [], isPaused: false, dropped: 0 })
  })

  it('never keeps more than 500 rows each way, and says how many it let go', () => {
    const ids = Array.from({ length: 620 }, (_, index) => String(index))
    const running = after(none, ...ids)
    expect(running.shown).toHaveLength(500)
    expect(running.shown[0]).toEqual({ id: '619' })
    expect(running.dropped).toBe(120)
    const held = after(paused(running), ...ids.map((id) => `later ${id}`))
    expect(held.held).toHaveLength(500)
    const back = resumed(held)
    expect(back.shown).toHaveLength(500)
    expect(back.dropped).toBe(120 + 120 + 500)
  })

  it('shows a row once where it was read before and came live too, newest first', () => {
    const rowsOf = (seconds: readonly number[]) =>
      seconds.map((second) => ({
        id: String(second).padStart(3, '0'),
        at: new Date(second * 1000).toISOString(),
      }))
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(99)), fc.uniqueArray(fc.nat(99)), (live, read) => {
        const shown = merged(rowsOf(live), rowsOf(read), undefined).map(({ id }) => Number(id))
        expect(shown).toEqual([...new Set([...live, ...read])].sort((one, other) => other - one))
      }),
    )
  })

  it('leaves out what the live tail begins with where that is older than the range', () => {
    const [old, recent] = [
      { id: '1', at: '2027-06-01T10:00:00.000Z' },
      { id: '2', at: '2027-06-01T12:00:00.000Z' },
    ]
    expect(merged([recent, old], [], '2027-06-01T11:00:00Z')).toEqual([recent])
  })
})
