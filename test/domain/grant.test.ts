import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  allowsAddress,
  canJudge,
  decideTool,
  grantsDigest,
  hasToolLimits,
  noGrants,
  type AskedFor,
  type Grants,
} from '../../src/domain/grant.ts'
import { isPattern, matcherOf, parseToolPattern, patternLength } from '../../src/domain/tool-pattern.ts'

interface Vectors {
  refused: { pattern: string; position: number; why: string }[]
  decided: (AskedFor & {
    own: string[] | null
    route: string[] | null
    deny: boolean
    may: boolean
    why: string
  })[]
}
const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/tool-patterns.json', import.meta.url), 'utf8'),
) as Vectors

describe('every vector of vectors/tool-patterns.json', () => {
  test.each(vectors.refused)('is refused with its place: $pattern ($why)', ({ pattern, position }) => {
    expect(parseToolPattern(pattern)).toMatchObject({ position })
  })

  test.each(vectors.decided)(
    '$own and $route: $method $target ($why)',
    ({ own, route, deny, may, ...asked }) => {
      const grants = own === null ? noGrants : { tools: own }
      expect(decideTool(grants, route, deny, asked)).toBe(may ? 'allowed' : 'refused')
    },
  )
})

/** As regular expressions read them, which is not how we do. */
function asExpression(name: string): RegExp {
  return new RegExp(`^${name.split('*').map(escape).join('[^]*')}$`)
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

describe('a pattern', () => {
  const few = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), minLength: 1, maxLength: 8 })

  it('matches what a regular expression of it matches, whatever the name', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 })
    fc.assert(
      fc.property(few, name, (pattern, text) => {
        const read = parseToolPattern(pattern)
        fc.pre(isPattern(read))
        expect(matcherOf(read.parts)(text)).toBe(asExpression(pattern).test(text))
      }),
      { numRuns: 3000 },
    )
  })

  it('is one, or says at which of its characters it is none; it never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const read = parseToolPattern(text)
        if (isPattern(read)) expect(text.length).toBeLessThanOrEqual(patternLength)
        else expect(read.position).toBeLessThanOrEqual(text.length)
      }),
    )
  })

  it('takes steps that grow with pattern and name, not with their product', () => {
    const read = parseToolPattern(`*${'a'.repeat(200)}b*`)
    if (!isPattern(read)) throw new Error('no pattern')
    let steps = 0
    const text = 'a'.repeat(4000)
    const name = new Proxy(Object(text) as object, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key)
        if (key !== 'charCodeAt') return typeof value === 'function' ? value.bind(target) : value
        return (at: number) => {
          steps++
          return text.charCodeAt(at)
        }
      },
    }) as unknown as string
    expect(matcherOf(read.parts)(name)).toBe(false)
    expect(steps).toBeLessThan(4 * 4200)
  })
})

describe('grants', () => {
  const patterns = fc.array(
    fc.constantFrom(
      '*',
      'a*',
      '*b',
      'ab',
      '!a*',
      '!b',
      '!*',
      'resource:*',
      '!resource:a',
      'prompt:b',
      'task:*',
    ),
    { maxLength: 4 },
  )
  const asked = fc.record({
    method: fc.constantFrom('tools/call', 'resources/read', 'prompts/get', 'tasks/get', 'ping', 'x/y'),
    target: fc.constantFrom('a', 'b', 'ab', 'ba'),
  })

  it('never allow more when a denial is added, or a second list is asked as well', () => {
    fc.assert(
      fc.property(patterns, patterns, fc.boolean(), asked, (own, more, deny, use) => {
        const denials = more.filter((text) => text.startsWith('!'))
        const decided = (tools: string[], route: string[] | null) =>
          decideTool({ tools }, route, deny, use) === 'allowed'
        if (decided([...own, ...denials], null) && own.length > 0) expect(decided(own, null)).toBe(true)
        expect(decided(own, more)).toBe(
          decided(own, null) && decideTool(noGrants, more, false, use) === 'allowed',
        )
      }),
    )
  })

  it('decide the same whatever the order and the repetition of their patterns, and have one digest', () => {
    fc.assert(
      fc.property(patterns, asked, (tools, use) => {
        const turned = tools.toReversed()
        expect(decideTool({ tools: [...turned, ...turned] }, null, false, use)).toBe(
          decideTool({ tools }, null, false, use),
        )
        expect(grantsDigest({ tools })).toBe(grantsDigest({ tools: turned }))
      }),
    )
  })

  it('that differ have digests that differ', () => {
    const all: Grants[] = [
      noGrants,
      { selfRotate: true },
      { tools: [] },
      { tools: ['a'] },
      { tools: ['a', 'b'] },
      { tools: ['a,b'] },
      { addresses: ['a'] },
      { addresses: ['10.0.0.0/8'], tools: ['a'] },
    ]
    expect(new Set(all.map(grantsDigest)).size).toBe(all.length)
    // As it was before there were any, so that what was issued before stays the same.
    expect(grantsDigest({})).toBe('RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o')
  })

  test.each<[string, unknown]>([
    ['a list that is none', { tools: 'a' }],
    ['null', { tools: null }],
    ['too many', { tools: Array.from({ length: 101 }, (_, at) => `t${at}`) }],
    ['a number', { tools: [1] }],
    ['what is no pattern', { tools: ['**'] }],
    ['what is no block', { addresses: ['10.0.0.1/8'] }],
    ['a name that is not known', { rates: 1 }],
    ['__proto__', JSON.parse('{"__proto__":{"tools":[]}}')],
    ['selfRotate: false', { selfRotate: false }],
  ])('of a newer version are refused, never read as unlimited: %s', (_, grants) => {
    expect(canJudge(grants as Grants)).toBe(false)
    expect(decideTool(grants as Grants, null, false, { method: 'tools/call', target: 'a' })).toBe('refused')
  })

  it('limit tools where any list or the policy does', () => {
    expect(hasToolLimits(noGrants, null, false)).toBe(false)
    expect(hasToolLimits({ addresses: ['10.0.0.0/8'] }, null, false)).toBe(false)
    expect(hasToolLimits({ tools: [] }, null, false)).toBe(true)
    expect(hasToolLimits(noGrants, ['*'], false)).toBe(true)
    expect(hasToolLimits(noGrants, null, true)).toBe(true)
  })

  test.each<[Grants, string | null, boolean]>([
    [noGrants, null, true],
    [noGrants, '203.0.113.7', true],
    [{ addresses: ['203.0.113.0/24'] }, '203.0.113.7', true],
    [{ addresses: ['203.0.113.0/24'] }, '198.51.100.1', false],
    [{ addresses: ['203.0.113.0/24', '2001:db8::/32'] }, '2001:db8::1', true],
    [{ addresses: ['203.0.113.0/24'] }, null, false],
    [{ addresses: [] }, '203.0.113.7', false],
  ])('%j from %s: %s', (grants, address, may) => {
    expect(allowsAddress(grants, address)).toBe(may)
  })

  it('compare no name longer than anything could be granted by', () => {
    const target = 'a'.repeat(5000)
    expect(decideTool({ tools: ['resource:*'] }, null, false, { method: 'resources/read', target })).toBe(
      'refused',
    )
  })
})
