import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideTool } from '../../../src/domain/grant.ts'
import { isPattern, parseToolPattern } from '../../../src/domain/tool-pattern.ts'
import { familiesOf, standingOf, toggled } from '../../../ui/src/create/tool-standing.ts'

const tool = fc
  .array(fc.constantFrom('a', 'b', 'ab', '_', '.', '-', '(', '$', '^', '\\'), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(''))
const pattern = fc
  .tuple(
    fc.constantFrom('', '!'),
    fc.constantFrom('', '', '', 'tool:', 'resource:', 'prompt:'),
    fc.array(fc.constantFrom('a', 'b', '_', '.', '*', '(', '$'), { minLength: 1, maxLength: 5 }),
  )
  .map(([sign, kind, parts]) => `${sign}${kind}${parts.join('')}`)
  .filter((text) => isPattern(parseToolPattern(text)))
const patterns = fc.uniqueArray(pattern, { maxLength: 5 })

describe('what the form shows of a tool', () => {
  it('is what the server will decide', () => {
    fc.assert(
      fc.property(tool, fc.option(patterns), fc.boolean(), (name, list, deny) => {
        const decided = decideTool(list === null ? {} : { tools: list }, null, deny, {
          method: 'tools/call',
          target: name,
        })
        expect(standingOf(name, list, deny) === 'allowed').toBe(decided === 'allowed')
      }),
      { numRuns: 2000 },
    )
  })
})

describe('ticking a tool', () => {
  it('turns it round, and never opens another one', () => {
    fc.assert(
      fc.property(tool, tool, patterns, (name, other, list) => {
        const before = standingOf(name, list, false)
        const after = toggled(name, list)
        if (after === null) {
          expect(before).toBe('denied')
          return
        }
        expect(standingOf(name, after, false) === 'allowed').toBe(before !== 'allowed')
        if (other !== name && standingOf(other, list, false) !== 'allowed')
          expect(standingOf(other, after, false), JSON.stringify({ list, after })).not.toBe('allowed')
      }),
      { numRuns: 2000 },
    )
  })

  it('changes as little as does it', () => {
    expect(toggled('a', [])).toEqual(['a'])
    expect(toggled('a', ['a', 'b'])).toEqual(['b'])
    expect(toggled('a_x', ['a_*'])).toEqual(['a_*', '!a_x'])
    expect(toggled('a_x', ['a_*', '!a_x'])).toEqual(['a_*'])
    expect(toggled('a_x', ['!a_*', 'b'])).toBeNull()
    expect(toggled('a', ['a'])).toEqual([])
    // What is left would refuse b, and so allow all the rest.
    expect(toggled('a', ['a', '!b'])).toEqual([])
  })
})

describe('the patterns that are offered', () => {
  it('are what several tools have in common, and never all of them', () => {
    expect(familiesOf(['forecast_a', 'forecast_b', 'budget.x', 'budget.y', 'budget.z', 'ping'])).toEqual([
      'budget.*',
      'forecast_*',
    ])
    expect(familiesOf(['a_b', 'a_c'])).toEqual([])
  })
})
