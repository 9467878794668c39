import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BridgeFailure } from '../../connect/src/contracts.ts'
import { tokenIn } from '../../connect/src/credential/key-form.ts'
import { formatToken, newToken } from '../../src/domain/service-key.ts'

function refusalOf(text: string): string {
  try {
    tokenIn(text, 'POSTERN_KEY')
  } catch (error) {
    if (error instanceof BridgeFailure && error.reason === 'key_malformed') return error.message
    throw error
  }
  return ''
}

const anyToken = fc
  .tuple(fc.stringMatching(/^[a-z][a-z0-9]{1,11}$/), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .filter(([prefix]) => prefix !== 'pmk')
  .map(([prefix, secret]) => formatToken(prefix, secret))

test('a key of any deployment is taken, with the line breaks that editors add', () => {
  fc.assert(
    fc.property(anyToken, fc.constantFrom('', '\n', '\r\n', '\n\n'), (token, end) => {
      expect(tokenIn(token + end, 'the file')).toBe(token)
    }),
  )
})

test('one wrong character, or two that changed places, are told apart before anything is sent', () => {
  const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  fc.assert(
    fc.property(anyToken, fc.nat(48), fc.constantFrom(...base62.split('')), (token, place, wrong) => {
      const at = token.length - 49 + place
      fc.pre(token[at] !== wrong)
      expect(refusalOf(token.slice(0, at) + wrong + token.slice(at + 1))).toContain('typo')
      const next = token[at + 1]
      fc.pre(next !== undefined && next !== token[at])
      expect(refusalOf(token.slice(0, at) + next + token[at] + token.slice(at + 2))).toContain('typo')
    }),
  )
})

test('whatever is in the place of a key, what is said about it has none of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 6, maxLength: 300 }), (text) => {
      fc.pre(text.trim().length >= 6 && !/^(bearer|YOUR_KEY)/i.test(text))
      expect(refusalOf(text)).not.toContain(text.trim())
      expect(refusalOf(text)).not.toMatch(/[\r\n]/)
    }),
  )
})

describe('what people put in the place of a key is called by its name', () => {
  const token = newToken('pst')
  test.each<[string, string, RegExp]>([
    ['nothing', '', /is empty/],
    ['a line break', '\n', /is empty/],
    ['the placeholder', 'YOUR_KEY', /placeholder/],
    ['a variable that nobody replaced', '${POSTERN_KEY}', /placeholder/],
    ['the header', `Bearer ${token}`, /begins with Bearer/],
    ['quotation marks', `"${token}"`, /quotation marks/],
    ['a name and a value', `POSTERN_KEY=${token}`, /more than one key alone/],
    ['two keys', `${token}\n${token}`, /more than one key alone/],
    ['a blank in front', ` ${token}`, /more than one key alone/],
    ['UTF-16', Buffer.from(token, 'utf16le').toString('utf8'), /UTF-16/],
    ['a byte order mark', `\ufeff${token}`, /byte order mark/],
    ['a management key', newToken('pmk'), /management key/],
    ['something else', 'sk-live-51Hq', /holds no service key/],
    ['half a key', token.slice(0, 30), /holds no service key/],
  ])('%s', (_, text, words) => {
    const said = refusalOf(text)
    expect(said).toMatch(words)
    expect(said).not.toContain(token)
    if (text.length > 1 && text !== 'YOUR_KEY') expect(said).not.toContain(text)
  })
})
