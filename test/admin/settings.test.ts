import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { deploymentOf } from '../../src/postern/deployment.ts'
import { createAdminApi } from '../../src/admin/api.ts'
import type { Access } from '../../src/admin/access.ts'
import { asking, socket } from './admin-world.ts'

const now = Date.parse('2026-11-23T12:00:00Z')
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

const config = parseConfig(
  {
    prefixes: ['mmm'],
    policy: { denyToolsByDefault: true },
    routes: [
      { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: 'http://127.0.0.1:1/x' },
      { path: '/tools/*', mcp: true, accepts: ['service-key'], upstream: 'http://127.0.0.1:1' },
      { path: '/assets/*', public: true, upstream: 'http://user-less:1' },
    ],
    notices: {
      email: { smtp: 'smtps://canary-user:CanarySecret7@smtp.example.com', from: 'keys@example.com' },
      webhooks: [{ name: 'ops', url: 'https://hooks.example.com/CanarySecret8', secrets: [secret] }],
      slack: { url: 'https://hooks.slack.com/services/CanarySecret9' },
      pageUrl: 'https://keys.example.com/admin/api-keys',
    },
  },
  {},
  '/nowhere',
)

function apiFor(access: Access, from = config, listensAt: string | null = null) {
  const deployment = deploymentOf(from, () => listensAt)
  return asking(
    createAdminApi({
      accessOf: async () => access,
      signInMaxAgeMs: 3_600_000,
      clock: { now: () => now },
      deployment,
      rooms: {} as never,
      managementKeys: {} as never,
      nodes: {} as never,
      upkeep: undefined as never,
      worker: {} as never,
      knownTools: async () => [],
    }),
  )
}

test('the settings are told without anything that is secret or lies behind us', async () => {
  const { status, body, text } = await apiFor(socket)('GET', '/settings')
  expect([status, body]).toMatchObject([
    200,
    {
      configured: true,
      signInMaxAgeMs: 3_600_000,
      prefixes: ['mmm'],
      policy: { denyToolsByDefault: true, defaultLifeMs: 180 * 86_400_000 },
      channels: {
        email: { from: 'keys@example.com' },
        webhooks: [{ name: 'ops' }],
        slack: true,
        pageUrl: 'https://keys.example.com/admin/api-keys',
      },
      routes: [{ path: '/mcp', isMcp: true }, {}, { path: '/assets/*', isPublic: true }],
    },
  ])
  for (const hidden of ['Canary', 'whsec', 'smtp', 'hooks.', '127.0.0.1', 'user-less', '/nowhere'])
    expect(text).not.toContain(hidden)
})

test('who asks learns who they are, and until when their sign-in counts', async () => {
  const signedInAt = now - 600_000
  const person: Access = { actor: 'p', via: 'person', role: 'owner', email: 'o@example.com', signedInAt }
  expect((await apiFor(person)('GET', '/me')).body).toMatchObject({
    actor: 'p',
    role: 'owner',
    email: 'o@example.com',
    via: 'person',
    signedInAt: '2026-11-23T11:50:00.000Z',
    freshUntil: '2026-11-23T12:50:00.000Z',
    deployment: { name: 'Postern', prefixes: ['mmm'], now: '2026-11-23T12:00:00.000Z' },
  })
})

test('the MCP routes are told as clients reach them', async () => {
  const urls = async (...of: Parameters<typeof apiFor>) => {
    const { body } = await apiFor(...of)('GET', '/me')
    return (body['deployment'] as { mcpUrls: { path: string; url: string }[] }).mcpUrls
  }
  expect(await urls(socket)).toEqual([
    { path: '/mcp', url: 'http://127.0.0.1:4242/mcp' },
    { path: '/tools/*', url: 'http://127.0.0.1:4242/tools' },
  ])
  expect((await urls(socket, config, 'http://127.0.0.1:5'))[0]?.url).toBe('http://127.0.0.1:5/mcp')
  const host: Access = { ...socket, via: 'host', role: 'admin' }
  expect((await urls(host, config, 'http://127.0.0.1:5'))[0]?.url).toBe('http://postern/mcp')
  const named = parseConfig(
    {
      url: 'https://mcp.example.com/',
      routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: 'http://127.0.0.1:1/x' }],
    },
    {},
    '/',
  )
  expect((await urls(host, named))[0]?.url).toBe('https://mcp.example.com/mcp')
})

test.each([
  'mcp.example.com',
  'https://mcp.example.com/mcp',
  'https://u@x.example',
  'ftp://x',
  'https://x/?a',
])('url %j is no origin', (url) => {
  expect(() => parseConfig({ url }, {}, '/')).toThrow(/url is .*: must be the origin/)
})
