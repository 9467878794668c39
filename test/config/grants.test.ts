import { describe, expect, test } from 'vitest'
import { ConfigInvalid, parseConfig } from '../../src/config.ts'

const mcp = { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: 'http://127.0.0.1:3000' }

function problemsOf(input: unknown): readonly string[] {
  try {
    parseConfig(input, {}, '/')
    return []
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems
    throw error
  }
}

describe('patterns of a route', () => {
  test('are kept as they are written; without them there are none', () => {
    const routes = [
      { ...mcp, tools: ['forecast_*', '!delete_*'] },
      { ...mcp, path: '/other' },
    ]
    expect(parseConfig({ routes }, {}, '/').routes.map(({ tools }) => tools)).toEqual([
      ['forecast_*', '!delete_*'],
      null,
    ])
  })

  test.each<[unknown, string]>([
    [{ ...mcp, tools: ['a', 'b**'] }, 'routes[0].tools[1] is "b**": says * twice in a row, at character 3'],
    [{ ...mcp, tools: [] }, 'routes[0].tools is a list: must be a list of 1 to 100 tool patterns'],
    [{ ...mcp, tools: 'a' }, 'routes[0].tools is "a": must be a list of 1 to 100 tool patterns'],
    [{ ...mcp, mcp: false, tools: ['a'] }, 'routes[0].tools has no use here'],
  ])('%j stops the start and says where', (route, start) => {
    const problems = problemsOf({ routes: [route] })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(start)
  })
})

test('the policy denies tools by default only where it says so', () => {
  expect(parseConfig({}, {}, '/').policy.denyToolsByDefault).toBe(false)
  expect(parseConfig({ policy: { denyToolsByDefault: true } }, {}, '/').policy.denyToolsByDefault).toBe(true)
})
