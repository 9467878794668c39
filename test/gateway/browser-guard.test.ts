import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { createBrowserGuard } from '../../src/gateway/browser-guard.ts'

const proxy = '10.0.0.1'

function guardOf(listen: string, mcp: object = {}) {
  const config = parseConfig({ listen, mcp, routes: [] }, {}, '/')
  const guard = createBrowserGuard({
    listen: config.listen,
    mcp: config.mcp,
    isTrustedPeer: (peer) => peer === proxy,
  })
  return (host: string, origin: string | null = null, peer = '127.0.0.1') =>
    guard({ host, get: (name) => (name === 'origin' ? origin : null) }, peer)
}

describe('on loopback, as at a first run', () => {
  const guard = guardOf('127.0.0.1:4242')

  it.each([
    ['127.0.0.1:4242', null],
    ['localhost:4242', null],
    ['LOCALHOST', null],
    ['[::1]:4242', null],
    ['inspector.localhost:80', null],
    ['localhost:4242', 'http://localhost:6274'],
    ['127.0.0.1:4242', 'http://127.0.0.1:4242'],
    ['127.0.0.1:4242', 'http://[::1]:3000'],
  ])('lets %s from %s pass', (host, origin) => {
    expect(guard(host, origin)).toBeNull()
  })

  it.each([
    ['evil.example:4242', null, 'host_refused'],
    ['127.0.0.1.evil.example', null, 'host_refused'],
    ['localhost.evil.example', null, 'host_refused'],
    ['notlocalhost', null, 'host_refused'],
    ['10.0.0.5:4242', null, 'host_refused'],
    ['localhost:4242', 'http://evil.example', 'origin_refused'],
    ['localhost:4242', 'http://localhost.evil.example', 'origin_refused'],
    ['localhost:4242', 'null', 'origin_refused'],
    ['localhost:4242', '', 'origin_refused'],
    ['localhost:4242', 'http://localhost:1 http://evil.example', 'origin_refused'],
    ['localhost:4242', 'http://evil.example@localhost', 'origin_refused'],
    ['localhost:4242', 'http://localhost/', 'origin_refused'],
    ['localhost:4242', 'file://', 'origin_refused'],
  ] as const)('stops DNS rebinding: %s from %s', (host, origin, reason) => {
    expect(guard(host, origin)).toBe(reason)
  })

  it('judges each request, whoever came before', () => {
    expect(guard('localhost')).toBeNull()
    expect(guard('evil.example')).toBe('host_refused')
    expect(guard('evil.example', null, proxy)).toBeNull()
    expect(guard('evil.example')).toBe('host_refused')
  })
})

describe('elsewhere', () => {
  it('takes any host without a setting, and no page', () => {
    const guard = guardOf('0.0.0.0:4242')
    expect(guard('mcp.example.com')).toBeNull()
    expect(guard('mcp.example.com', 'https://mcp.example.com')).toBe('origin_refused')
  })

  it('takes the hosts and pages that the settings name, and no other', () => {
    const guard = guardOf('0.0.0.0:4242', {
      allowedHosts: ['MCP.example.com', 'other.example:8443'],
      allowedOrigins: ['https://app.example.com'],
    })
    expect(guard('mcp.example.com:1')).toBeNull()
    expect(guard('other.example:8443')).toBeNull()
    expect(guard('other.example')).toBe('host_refused')
    expect(guard('evil.example', null, proxy)).toBe('host_refused')
    expect(guard('mcp.example.com', 'https://app.example.com')).toBeNull()
    expect(guard('mcp.example.com', 'https://mcp.example.com')).toBeNull()
    expect(guard('mcp.example.com', 'http://app.example.com')).toBe('origin_refused')
    expect(guard('mcp.example.com', 'http://localhost:3000')).toBe('origin_refused')
  })

  it.each([
    [{ allowedHosts: ['https://x.example'] }, 'mcp.allowedHosts'],
    [{ allowedHosts: [] }, 'mcp.allowedHosts'],
    [{ allowedOrigins: ['x.example'] }, 'mcp.allowedOrigins'],
    [{ allowedOrigins: ['https://x.example/path'] }, 'mcp.allowedOrigins'],
    [{ allowedOrigins: ['null'] }, 'mcp.allowedOrigins'],
  ])('names a setting that is wrong: %j', (mcp, name) => {
    expect(() => parseConfig({ mcp, routes: [] }, {}, '/')).toThrow(name)
  })
})
