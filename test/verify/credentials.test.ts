import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTokenScanner, newToken } from '../../src/domain/service-key.ts'
import { readCredentials } from '../../src/verify/credentials.ts'

const { found } = createTokenScanner(['pst', 'mmm2'])
const token = newToken('pst')
const read = (authorization: string | null, query = '') => readCredentials({ authorization, query }, found)

describe('the Authorization header', () => {
  it.each<[string, string | null, string | null]>([
    ['a bearer', `Bearer ${token}`, token],
    ['in lower case', `bearer ${token}`, token],
    ['in any case', `bEaReR ${token}`, token],
    ['after two spaces', `Bearer  ${token}`, token],
    ['with a space behind', `Bearer ${token} `, token],
    ['that is no key of ours', 'Bearer a.b.c', 'a.b.c'],
    ['no header', null, null],
    ['Basic', 'Basic cHN0OnBzdA==', null],
    ['a scheme that begins alike', 'Bearerish x', null],
    ['a key without a scheme', token, null],
    ['nothing in it', '', null],
  ])('%s is read as a bearer or as none', (_name, authorization, bearer) => {
    expect(read(authorization)).toEqual({ bearer })
  })

  it.each([
    ['Bearer alone', 'Bearer'],
    ['Bearer and spaces', 'Bearer   '],
    ['two keys', `Bearer ${token} ${token}`],
    ['two keys with a comma', `Bearer ${token},${token}`],
    ['a comma behind', `Bearer ${token},`],
    ['a second challenge', `Bearer ${token}, Basic x`],
    ['a tab between', `Bearer\t${token}`],
    ['an equals sign between', `Bearer=${token}`],
    ['a no-break space between', `Bearer\u00a0${token}`],
  ])('%s is an attempt that no two readers agree on: malformed_key', (_name, authorization) => {
    expect(read(authorization)).toBe('malformed_key')
  })
})

describe('a key in the query', () => {
  const escapeAll = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

  it.each<[string, string]>([
    ['plain', `key=${token}`],
    ['in any parameter', `a=1&whatever=${token}&b=2`],
    ['as a name', token],
    ['inside a longer value', `x=abc${token}def`],
    ['of any accepted prefix', `k=${newToken('mmm2')}`],
    ['with a wrong checksum', `k=${token.slice(0, -6)}000000`],
    ['with one character escaped', `k=%70${token.slice(1)}`],
    ['with its underscore escaped', `k=${token.replace('_', '%5F')}`],
    ['wholly escaped', `k=${escapeAll(token)}`],
    ['wholly escaped, in upper case', `k=${escapeAll(token).toUpperCase()}`],
    ['escaped beside what is no valid UTF-8', `a=%ff&k=%70${token.slice(1)}`],
    ['escaped beside a lone percent sign', `a=100%&k=%70${token.slice(1)}`],
  ])('%s is refused, with and without a header', (_name, query) => {
    for (const authorization of [null, `Bearer ${token}`, 'Basic x', 'Bearer'])
      expect(read(authorization, query)).toBe('credential_in_query')
  })

  it.each([
    ['nothing', ''],
    ['a key of a prefix that is not ours', `k=${newToken('oth')}`],
    ['a key cut short', `k=${token.slice(0, -1)}`],
    ['other escapes', 'q=caf%C3%A9&n=%ff&p=100%'],
  ])('%s is no reason to refuse', (_name, query) => {
    expect(read(null, query)).toEqual({ bearer: null })
  })

  it('is found wherever it stands and whichever of its characters are escaped', () => {
    const text = fc.string({ maxLength: 20 }).map((part) => part.replaceAll(/[^ -~]/g, ''))
    fc.assert(
      fc.property(text, text, fc.array(fc.boolean(), { minLength: 53, maxLength: 53 }), (a, b, escaped) => {
        const written = Array.from(token, (char, at) => (escaped[at] === true ? escapeAll(char) : char)).join(
          '',
        )
        // What stands before must not turn the first escape into something else.
        expect(read(null, `${a}&${written}&${b}`)).toBe('credential_in_query')
      }),
    )
  })

  it('is looked for in any query without failing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (query) => {
        expect(read(null, query)).toEqual({ bearer: null })
      }),
    )
  })
})
