import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  filterOfSearch,
  queryOfFilter,
  searchOfFilter,
  trailRanges,
  type TrailFilter,
} from '../../../ui/src/trail/trail-filter.ts'

const now = Date.parse('2027-06-01T12:00:00Z')
const word = fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }).filter((text) => text.trim() === text)
const anyFilter = fc
  .record(
    {
      range: fc.constantFrom(...trailRanges),
      serviceUser: word,
      key: word,
      tool: word,
      outcome: word,
      reason: word,
    },
    { requiredKeys: ['range'] },
  )
  .chain((filter) =>
    filter.range === 'custom'
      ? fc.record({ from: word, to: word }, { requiredKeys: [] }).map((ends) => ({ ...filter, ...ends }))
      : fc.constant(filter),
  ) as fc.Arbitrary<TrailFilter>

describe('the filter of the trail', () => {
  it('comes back from the address as it went there, whatever was typed', () => {
    fc.assert(
      fc.property(anyFilter, (filter) => {
        expect(filterOfSearch(searchOfFilter(filter))).toEqual(filter)
      }),
    )
  })

  it('reads any address without failing, and keeps to the ranges it knows', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (search) => {
        expect(trailRanges).toContain(filterOfSearch(search).range)
      }),
    )
    expect(filterOfSearch('range=1000y&constructor=1&__proto__=2')).toEqual({ range: '24h' })
  })

  it('counts a range back from now, and gives instants of one’s own as they are', () => {
    expect(queryOfFilter({ range: '7d', tool: 'forecast' }, now)).toEqual({
      tool: 'forecast',
      from: '2027-05-25T12:00:00.000Z',
    })
    expect(queryOfFilter({ range: 'all' }, now)).toEqual({})
    expect(queryOfFilter({ range: 'custom', from: '2027-01-01', to: '2027-01-31' }, now)).toEqual({
      from: '2027-01-01',
      to: '2027-01-31',
    })
  })

  it('ignores ends that no longer count', () => {
    expect(searchOfFilter({ range: '1h', from: '2027-01-01' })).toBe('range=1h')
    expect(filterOfSearch('range=1h&from=2027-01-01')).toEqual({ range: '1h' })
  })
})
