import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { createResourceMetadata } from '../../src/front/resource-metadata.ts'
import { createRouteTable } from '../../src/front/routes.ts'

const issuer = 'https://issuer.example'
const { routes } = parseConfig(
  {
    issuers: [{ issuer, jwksUrl: `${issuer}/jwks`, audience: 'app', algorithms: ['RS256'] }],
    routes: [
      { path: '/oauth/mcp', mcp: true, accepts: ['jwt'] },
      { path: '/mcp', mcp: true, accepts: ['service-key'] },
    ],
  },
  {},
  '/',
)
const metadata = createResourceMetadata(createRouteTable(routes), [issuer])
const at = (path: string) => metadata.at({ path, proto: 'https', host: 'app.example' })

it('tells OAuth clients of the routes that take their tokens, and of no other', () => {
  expect(JSON.parse(at('/.well-known/oauth-protected-resource/oauth/mcp') ?? '')).toEqual({
    resource: 'https://app.example/oauth/mcp',
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
  })
  for (const path of ['/mcp', '/oauth/MCP', '/oauth/mcp/', '/nothing', ''])
    expect(at(`/.well-known/oauth-protected-resource${path}`)).toBeNull()
  expect(at('/oauth/mcp')).toBeNull()
})
