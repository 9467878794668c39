import { describe, expect, test } from 'vitest'
import { newToken } from '../../src/domain/service-key.ts'
import { KeysRefused } from '../../src/keys/refused.ts'
import { mailAddress, readableText } from '../../src/keys/text.ts'

function refusalOf(work: () => string): string {
  try {
    return `accepted ${work()}`
  } catch (error) {
    return error instanceof KeysRefused ? error.code : 'thrown'
  }
}
const nameOf = (value: string) =>
  readableText(value, { field: 'name', code: 'name_invalid', mostCharacters: 100 })

describe('a name is what people see: nothing hidden, nothing that breaks a line or turns it', () => {
  test.each([
    ['reporting-bot', 'reporting-bot'],
    ['  Müller & Söhne  ', 'Müller & Söhne'],
    ['Mu\u0308ller', 'Müller'],
    ['報告 bot 🤖', '報告 bot 🤖'],
    ['🤖'.repeat(100), '🤖'.repeat(100)],
    ['__proto__', '__proto__'],
  ])('accepts %j', (given, name) => {
    expect(nameOf(given)).toBe(name)
  })

  test.each([
    '',
    '   ',
    'x'.repeat(101),
    'a\nb',
    'a\r\nBcc: x@y',
    'a\0b',
    'a\u001b[2Jb',
    'a\u007fb',
    'a\u0085b',
    'a\u202eb',
    'a\u2066b',
    'a\u200bb',
    'a\u2028b',
    'a\ud800b',
    '\ufeffab\u200f',
  ])('refuses %j', (given) => {
    expect(refusalOf(() => nameOf(given))).toBe('name_invalid')
  })
})

describe('an owner is one e-mail address', () => {
  test.each(['team@example.com', "o'neil+keys@mail.example.co.uk", 'root@localhost', ' a@b.de '])(
    'accepts %j',
    (owner) => {
      expect(mailAddress(owner, 'owner')).toBe(owner.trim())
    },
  )

  test.each([
    '',
    'team',
    '@example.com',
    'team@',
    'a@b@c',
    'a b@c.de',
    'a@b.de, c@d.de',
    'Team <a@b.de>',
    '"a b"@c.de',
    'a@b.de\r\nBcc: c@d.de',
    'a@b.de\nX: y',
    'a\0@b.de',
    '.a@b.de',
    'a.@b.de',
    'a..b@c.de',
    'a@-b.de',
    'a@b..de',
    'a@b.de.',
    'a@[127.0.0.1]',
    'ä@b.de',
    `${'a'.repeat(65)}@b.de`,
    `a@${'b.'.repeat(130)}de`,
  ])('refuses %j', (owner) => {
    expect(refusalOf(() => mailAddress(owner, 'owner'))).toBe('owner_invalid')
  })
})

test('a text that people will read holds no key, whatever its prefix', () => {
  for (const prefix of ['pst', 'acme'])
    expect(() => nameOf(`leaked: ${newToken(prefix)} in a chat`)).toThrow('must not hold a key')
  expect(nameOf('leaked: pst_abcd…')).toBe('leaked: pst_abcd…')
})
