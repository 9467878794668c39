import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readLength } from '../../src/front/length.ts'

test('a Content-Length is up to 15 digits and nothing else', () => {
  const anything = fc.oneof(
    fc.stringMatching(/^[0-9]{0,17}$/),
    fc.stringMatching(/^[0-9+\-. \te,x]{0,17}$/),
    fc.string(),
  )
  fc.assert(
    fc.property(anything, (text) => {
      expect(readLength(text)).toBe(/^[0-9]{1,15}$/.test(text) ? Number(text) : null)
    }),
  )
})
