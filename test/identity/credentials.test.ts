import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CredentialFacts } from '../../src/identity/credentials.ts'
import { withCredential } from '../../src/identity/credentials.ts'

const ownsCookie = (name: string) => name === 'sid' || name.startsWith('__session')
const none: CredentialFacts = { forwarded: null, authorization: 'Bearer x', ownsCookie }
const strip = (cookie: string) => withCredential(['host', 'h', 'Cookie', cookie], none)

describe('of a cookie header', () => {
  it.each<[string, string | null]>([
    ['sid=1', null],
    ['a=b', 'a=b'],
    ['a=b; sid=1; c=d', 'a=b; c=d'],
    ['sid=1;a=b;sid=2', 'a=b'],
    ['sid', null],
    [' sid =1; a=b', 'a=b'],
    ['"sid"=1; a=b', 'a=b'],
    ['a=b,sid=1; c=d', 'c=d'],
    ['__session_x=1; __sessions=2; a=b', 'a=b'],
    ['a="x; sid=1"; c=d', 'a="x; c=d'],
    ['a=sid; mysid=1; SID=2', 'a=sid; mysid=1; SID=2'],
    ['', null],
  ])('%j goes on: %j', (cookie, expected) => {
    expect(strip(cookie)).toEqual(expected === null ? ['host', 'h'] : ['host', 'h', 'Cookie', expected])
  })

  it('no reader finds the session in what goes on, and each other cookie is as it was', () => {
    const readers: ((header: string) => string[])[] = [
      (header) => header.split(';').map((part) => part.split('=')[0]?.trim() ?? ''),
      (header) => header.split(/[;,]/).map((part) => part.split('=')[0]?.trim() ?? ''),
      (header) =>
        header.split(/[;,]\s*/).map((part) => (part.split('=')[0] ?? '').replaceAll('"', '').trim()),
    ]
    const word = fc.constantFrom('sid', '__session', '__session_x', 'a', '"sid"', ' sid', 'b')
    const joint = fc.constantFrom(';', '; ', ',', '=', '="', ' ', '"')
    fc.assert(
      fc.property(fc.array(fc.tuple(word, joint), { maxLength: 8 }), (parts) => {
        const [, , , left = ''] = strip(`${parts.flat().join('')};keep=1`)
        for (const read of readers) expect(read(left).filter(ownsCookie)).toEqual([])
        expect(left.split(/; */)).toContain('keep=1')
      }),
      { numRuns: 1000 },
    )
  })
})

it.each<[string, Partial<CredentialFacts>, string[]]>([
  ['nothing said', {}, ['host', 'h', 'cookie', 'a=b']],
  ['no sessions', { ownsCookie: null }, ['host', 'h', 'cookie', 'a=b; sid=1']],
  ['a session sent on', { forwarded: 'session' }, ['host', 'h', 'cookie', 'a=b; sid=1']],
  ['a JWT sent on', { forwarded: 'jwt' }, ['host', 'h', 'cookie', 'a=b', 'authorization', 'Bearer x']],
  ['a service key, which is never sent on', { forwarded: 'service-key' }, ['host', 'h', 'cookie', 'a=b']],
])('%s', (_name, facts, expected) => {
  expect(withCredential(['host', 'h', 'cookie', 'a=b; sid=1'], { ...none, ...facts })).toEqual(expected)
})

describe("the page's own cookies, which a browser sends to every port of its host", () => {
  it.each<Partial<CredentialFacts>>([
    { ownsCookie: null },
    {},
    { forwarded: 'session' },
    { forwarded: 'jwt' },
  ])('never go on: %j', (facts) => {
    const cookie = 'postern.session_token=1; __Host-postern.passkey=2; posterns=3'
    const sent = withCredential(['host', 'h', 'cookie', cookie], { ...none, ...facts })
    expect(sent.slice(0, 4)).toEqual(['host', 'h', 'cookie', 'posterns=3'])
  })
})
