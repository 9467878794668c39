import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatToken } from '../../../src/domain/service-key.ts'
import {
  allKeys,
  apiFilter,
  filterCount,
  readFilters,
  searchable,
  sortedBy,
  sorts,
  states,
  withoutTokens,
  writeFilters,
} from '../../../ui/src/keys-list/filters.ts'

describe('the filters of the keys list in the address', () => {
  it('come back as they went in, whatever people typed', () => {
    const text = fc.string({ maxLength: 60, unit: 'grapheme' })
    const span = fc.constantFrom('', '7d', '14d', '90d')
    const filters = fc.record({
      search: text,
      owner: text,
      customer: text,
      serviceUser: text,
      states: fc.subarray([...states]),
      tool: text,
      expiringWithin: span,
      unusedFor: span,
      sort: fc.constantFrom(...sorts),
      direction: fc.constantFrom('ascending', 'descending'),
    })
    fc.assert(
      fc.property(filters, (given) => {
        expect(readFilters(writeFilters(given))).toEqual(given)
      }),
    )
  })

  it('are nothing where nothing is filtered', () => {
    expect(writeFilters(allKeys)).toBe('')
    expect(readFilters('')).toEqual(allKeys)
    expect(filterCount(allKeys)).toBe(0)
  })

  it.each([
    ['?state=burnt&state=expired', { states: ['expired'] }],
    ['?sort=hash', { sort: 'created' }],
    ['?direction=sideways', { direction: 'descending' }],
    ['?expiringWithin=soon', { expiringWithin: '' }],
    ['?unusedFor=90d;drop', { unusedFor: '' }],
    ['?sort=name', { sort: 'name', direction: 'ascending' }],
  ])('leave out of %s what is not known', (query, expected) => {
    expect(readFilters(query)).toMatchObject(expected)
  })

  it('never hold the secret of a token that was pasted: only the start that it is found by', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.constantFrom('pst', 'mmm', 'pmk'),
        fc.constantFrom('', ' ', 'Bearer ', '"', 'key=', 'old_'),
        fc.constantFrom('', ' ', 'x', '_'),
        fc.integer({ min: 20, max: 49 }),
        (secret, prefix, before, after, length) => {
          const token = formatToken(prefix, secret)
          const start = token.slice(0, prefix.length + 5)
          const pasted = `${before}${token}${after}`
          for (const field of ['search', 'owner', 'customer', 'serviceUser', 'tool'] as const)
            expect(writeFilters({ ...allKeys, [field]: pasted })).not.toContain(token.slice(start.length, -6))
          expect(withoutTokens(token)).toBe(start)
          const part = token.slice(0, prefix.length + 1 + length)
          expect(searchable(part)).toBe(start)
          expect(writeFilters({ ...allKeys, search: part })).toBe(`?search=${start}`)
          expect(readFilters(`?search=${part}`).search).toBe(start)
          expect(apiFilter({ ...allKeys, search: part })['search']).toBe(start)
        },
      ),
    )
  })

  it('cut nothing off a name that a search would not find any more', () => {
    for (const name of ['nightly_forecastOfTheWholeYear', 'my_key', 'UPPER_CASE_NAME_THAT_IS_LONG'])
      expect(name).toContain(searchable(name))
  })

  it('turn round where they sort by that column already, and begin with what people look for', () => {
    const byName = sortedBy(allKeys, 'name')
    expect(byName).toMatchObject({ sort: 'name', direction: 'ascending' })
    expect(sortedBy(byName, 'name').direction).toBe('descending')
    expect(sortedBy(byName, 'calls').direction).toBe('descending')
  })

  it('always tell the API how to sort', () => {
    expect(apiFilter(allKeys)).toMatchObject({ sort: 'created', direction: 'descending' })
  })
})
