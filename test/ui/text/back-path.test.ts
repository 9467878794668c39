import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backPath } from '../../../ui/src/text/back-path.ts'

describe('where the sign-in leads back to', () => {
  it.each([
    ['/', '/'],
    ['/keys/1/usage?from=2026-01-01', '/keys/1/usage?from=2026-01-01'],
    ['/?search=a%20b', '/?search=a%20b'],
    ['/service-users', '/service-users'],
  ])('%j is a place of the page', (asked, expected) => {
    expect(backPath(asked)).toBe(expected)
  })

  it.each([
    [null],
    [''],
    ['keys'],
    ['//evil.example'],
    ['/\\evil.example'],
    ['/keys\\..\\..'],
    ['/.//evil.example'],
    ['https://evil.example/'],
    ['javascript:alert(1)'],
    ['/\n/evil.example'],
    ['/sign-in?back=/'],
    ['/setup#token'],
    ['/invitation'],
  ])('%j leads to the start', (asked) => {
    expect(backPath(asked)).toBe('/')
  })

  it('never leaves the origin, whatever is asked', () => {
    const hostile = fc.array(
      fc.constantFrom('/', '\\', '..', '.', ':', '@', '?', '#', '%2f', '\t', 'https', 'evil.example', 'keys'),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          hostile.map((parts) => `/${parts.join('')}`),
        ),
        (asked) => {
          const back = backPath(asked)
          expect(new URL(back, 'https://page.example').origin).toBe('https://page.example')
          expect(back.startsWith('//')).toBe(false)
        },
      ),
    )
  })
})
