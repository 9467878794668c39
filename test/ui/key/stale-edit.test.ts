import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changedFields, rebased } from '../../../ui/src/key/stale-edit.ts'

const was = { name: 'nightly', tools: ['forecast_*'], addresses: [] as string[] }
const value = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  tools: fc.array(fc.constantFrom('x', 'y'), { maxLength: 2 }),
})

describe('an edit that somebody else came before', () => {
  it('keeps all that was typed, and takes back nothing that they did elsewhere', () => {
    fc.assert(
      fc.property(value, value, value, (was, isNow, typed) => {
        const next = rebased(was, isNow, typed)
        for (const field of ['name', 'tools'] as const) {
          const touched = JSON.stringify(typed[field]) !== JSON.stringify(was[field])
          expect(next[field]).toEqual(touched ? typed[field] : isNow[field])
        }
        // Told apart from what is there now, it sends no field that was not touched.
        for (const field of Object.keys(changedFields(isNow, next)))
          expect(Object.keys(changedFields(was, typed))).toContain(field)
      }),
    )
  })

  it('sends nothing where both came to the same', () => {
    const both = { ...was, name: 'hourly' }
    expect(changedFields(both, rebased(was, both, both))).toEqual({})
  })
})
