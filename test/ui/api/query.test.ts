import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { queryText } from '../../../ui/src/api/query.ts'

describe('the query of a read', () => {
  it.each([
    [{}, ''],
    [{ search: '', owner: null, cursor: undefined }, ''],
    [{ state: ['active', 'retiring'], limit: 50 }, '?state=active&state=retiring&limit=50'],
    [{ search: 'a&b=c #' }, '?search=a%26b%3Dc+%23'],
  ])('of %j is %j', (query, expected) => {
    expect(queryText(query)).toBe(expected)
  })

  it('reads back as it was asked, whatever the texts are', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' })
    fc.assert(
      fc.property(fc.dictionary(text, fc.array(text, { minLength: 1 })), (query) => {
        const read = new URLSearchParams(queryText(query))
        for (const [name, values] of Object.entries(query)) expect(read.getAll(name)).toEqual(values)
      }),
    )
  })
})
