import { describe, expect, test } from 'vitest'
import { ConfigInvalid, parseConfig } from '../../src/config.ts'

const routes = [{ path: '/*', accepts: ['session'], upstream: 'http://127.0.0.1:3000' }]

describe('sessions', () => {
  test('that are a function of one’s own count every cookie as theirs', () => {
    const read = () => null
    const { sessions } = parseConfig({ sessions: read, routes }, {}, '/')
    expect(sessions?.read).toBe(read)
    expect(['sid', '__session', ''].every((name) => sessions?.ownsCookie(name))).toBe(true)
  })

  test('that name their cookies are taken as they are', () => {
    const system = { ownsCookie: (name: string) => name === 'sid', read: () => null }
    expect(parseConfig({ sessions: system, routes }, {}, '/').sessions).toBe(system)
  })

  test.each<[unknown]>([[{}], [null], ['clerk'], [{ read: () => null }], [{ ownsCookie: () => true }], [[]]])(
    '%j stop the start',
    (sessions) => {
      expect(() => parseConfig({ sessions, routes }, {}, '/')).toThrow(ConfigInvalid)
      expect(() => parseConfig({ sessions, routes }, {}, '/')).toThrow(/sessions .*must be clerk\(\{ … \}\)/)
    },
  )
})
