import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { foldPath, readTarget } from '../../src/front/target.ts'

const accepted: [target: string, path: string, query: string][] = [
  ['/', '/', ''],
  ['/mcp', '/mcp', ''],
  ['/mcp/', '/mcp/', ''],
  ['/mcp?', '/mcp', ''],
  ['/mcp?a=1&b=%2e%2e//..;x\\y', '/mcp', 'a=1&b=%2e%2e//..;x\\y'],
  ['/a?b?c', '/a', 'b?c'],
  ['/api/filter?ids[]=1&q={"a"|b}', '/api/filter', 'ids[]=1&q={"a"|b}'],
  ["/a-b._~!$&'()*+,=:@/c", "/a-b._~!$&'()*+,=:@/c", ''],
  ['/.well-known/postern', '/.well-known/postern', ''],
  ['/a../..b/...', '/a../..b/...', ''],
  ['/a%20b', '/a%20b', ''],
  ['/%40scope%2Bx', '/%40scope%2Bx', ''],
  ['/caf%C3%A9', '/caf%C3%A9', ''],
  ['/caf%c3%a9', '/caf%c3%a9', ''],
  ['/stra%C3%9Fe/%E2%84%A2', '/stra%C3%9Fe/%E2%84%A2', ''],
]

const refused: [target: string, why: string][] = [
  ['', 'empty'],
  ['*', 'asterisk form'],
  ['mcp', 'no slash in front'],
  ['http://127.0.0.1/mcp', 'absolute form'],
  ['HTTP://h/mcp', 'absolute form'],
  ['h:80', 'authority form'],
  ['//h/mcp', 'an authority to URL parsers'],
  ['/a//b', 'an empty segment'],
  ['/a//', 'an empty segment at the end'],
  ['/.', 'a dot segment'],
  ['/..', 'a dot segment'],
  ['/a/../b', 'a dot segment'],
  ['/a/./b', 'a dot segment'],
  ['/a/..', 'a dot segment at the end'],
  ['/a/..?q', 'a dot segment before the query'],
  ['/a\\b', 'a backslash is a slash to URL parsers'],
  ['/\\h/mcp', 'a backslash'],
  ['/mcp;x', 'a path parameter'],
  ['/mcp;', 'a path parameter'],
  ['/mcp#x', 'a fragment'],
  ['/mcp?a#b', 'a fragment in the query'],
  ['/a b', 'a space'],
  ['/mcp?a b', 'a space in the query'],
  ['/a\u0000', 'NUL'],
  ['/a\tb', 'a tab, which URL parsers delete'],
  ['/a\nb', 'a line feed'],
  ['/a\u007f', 'DEL'],
  ['/mcp?a\u0000', 'NUL in the query'],
  ['/mcp?a\r\nx: y', 'a line in the query'],
  ['/caf\u00e9', 'not ASCII'],
  ['/mcp?\u00e9', 'not ASCII in the query'],
  ['/a"b', 'no URI character'],
  ['/a<b', 'no URI character'],
  ['/a|b', 'no URI character'],
  ['/a^b', 'no URI character'],
  ['/a`b', 'no URI character'],
  ['/{a}', 'no URI character'],
  ['/[a]', 'no URI character'],
  ['/%', 'an incomplete encoding'],
  ['/%4', 'an incomplete encoding'],
  ['/%zz', 'no encoding'],
  ['/%u002e', 'no encoding'],
  ['/%2e%2e/a', 'an encoded dot'],
  ['/%2E', 'an encoded dot'],
  ['/%6dcp', 'an encoded letter'],
  ['/%4Dcp', 'an encoded letter'],
  ['/%30', 'an encoded digit'],
  ['/%7e%2d%5F', 'encoded unreserved characters'],
  ['/a%2fb', 'an encoded slash'],
  ['/a%5Cb', 'an encoded backslash'],
  ['/a%3bb', 'an encoded semicolon'],
  ['/a%23b', 'an encoded hash'],
  ['/a%3Fb', 'an encoded question mark'],
  ['/%256dcp', 'double encoding'],
  ['/a%00', 'an encoded NUL'],
  ['/a%0d%0a', 'an encoded line'],
  ['/a%1f', 'an encoded control character'],
  ['/a%7f', 'an encoded DEL'],
  ['/a%C2%85', 'an encoded C1 control character'],
  ['/a%ff', 'invalid UTF-8'],
  ['/a%c0%ae', 'an overlong dot'],
  ['/a%C3', 'half a character'],
  ['/a%ED%A0%80', 'a surrogate'],
  ['/a%EF%BC%8Fb', 'a full-width solidus'],
  ['/%EF%BC%8E%EF%BC%8E/a', 'full-width dots'],
  ['/a/%E2%80%A5/b', 'a two-dot leader'],
  ['/a/.%EF%BC%8E', 'a dot and a full-width dot'],
  ['/a%E2%84%80b', 'a letter-like a/c'],
  ['/a%EF%BC%9Bb', 'a full-width semicolon'],
]

describe('readTarget', () => {
  test.each(accepted)('%j is read as it stands', (target, path, query) => {
    expect(readTarget(target)).toEqual({ ok: true, path, query })
  })

  test.each(refused)('%j is refused: %s', (target) => {
    expect(readTarget(target)).toEqual({ ok: false })
  })

  const piece = fc.constantFrom(
    ...'/ /a /mcp . .. %2e %2f %5c \\ ; # ? % %4 %25 %zz é %C3%A9 %EF%BC%8F %00 : @ * ~ A b / /'.split(' '),
    ' ',
    '\t',
  )
  const nearPath = fc
    .array(fc.oneof(piece, fc.string({ unit: 'binary-ascii', maxLength: 3 })))
    .map((p) => `/${p.join('')}`)

  test('a path that is accepted is the one that a URL parser finds, and decodes one way only', () => {
    fc.assert(
      fc.property(nearPath, (raw) => {
        const target = readTarget(raw)
        fc.pre(target.ok)
        const url = new URL(`http://h${raw}`)
        expect(url.pathname).toBe(target.path)
        expect(url.host).toBe('h')
        expect(url.hash).toBe('')
        const decoded = decodeURIComponent(target.path)
        expect(decoded.split('/').length).toBe(target.path.split('/').length)
        expect(decodeURIComponent(decoded)).toBe(decoded)
        expect(decoded).not.toMatch(/[\\;#?\p{Cc}]/u)
      }),
      { numRuns: 3000 },
    )
  })

  test('what is accepted is the target again, character by character', () => {
    fc.assert(
      fc.property(nearPath, fc.constantFrom('', '?', '?a=b', '?a?b'), (path, query) => {
        const target = readTarget(path + query)
        fc.pre(target.ok)
        const forwarded = target.path + (target.query === '' ? '' : `?${target.query}`)
        expect([forwarded, `${forwarded}?`]).toContain(path + query)
      }),
      { numRuns: 2000 },
    )
  })

  test('any string at all is read or refused, never thrown at', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), nearPath), (raw) => {
        const target = readTarget(raw)
        if (target.ok) expect(() => foldPath(target.path)).not.toThrow()
      }),
      { numRuns: 2000 },
    )
  })
})
