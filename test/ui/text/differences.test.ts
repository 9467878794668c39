import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { differences } from '../../../ui/src/text/differences.ts'

const labels = { name: 'Name', tools: 'Tools', owner: 'Owner' }

describe('what changed meanwhile', () => {
  it('names each field that the form has, and no other', () => {
    expect(
      differences(
        { name: 'old', tools: ['a'], owner: null, version: 1 },
        { name: 'new', tools: ['a', 'b'], owner: null, version: 2 },
        labels,
      ),
    ).toEqual([
      { field: 'name', label: 'Name', before: 'old', now: 'new' },
      { field: 'tools', label: 'Tools', before: 'a', now: 'a, b' },
    ])
  })

  it('says of what was empty, or is now, that it is none', () => {
    expect(differences({ tools: [], owner: null }, { tools: ['a'], owner: 'x' }, labels)).toEqual([
      { field: 'tools', label: 'Tools', before: 'none', now: 'a' },
      { field: 'owner', label: 'Owner', before: 'none', now: 'x' },
    ])
  })

  it('finds none between a thing and itself', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('name', 'tools', 'owner'), fc.jsonValue()), (thing) => {
        expect(differences(thing, structuredClone(thing), labels)).toEqual([])
      }),
    )
  })
})
