import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { newToken } from '../../src/domain/service-key.ts'
import { buildBridge, call, endAll, start } from './lines.ts'

let folder: string
let backend: ReturnType<typeof createTlsServer>
let proxy: ReturnType<typeof createServer>
/** What the proxy was asked to connect to, and by whom. */
const connects: string[] = []
let refusesBy: number | null = null

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  await buildBridge()
  folder = await mkdtemp(join(tmpdir(), 'postern-proxy-'))
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const names = ['-subj', '/CN=gateway.test', '-addext', 'subjectAltName=DNS:gateway.test']
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', ...options, ...names, ...files], { stdio: 'pipe' })
  const [key, cert] = ['key.pem', 'cert.pem'].map((file) => readFileSync(join(folder, file)))
  backend = createTlsServer({ key, cert }, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { id } = JSON.parse(body) as { id: unknown }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { ok: true } }))
    })
  })
  const backendPort = await listen(backend)
  proxy = createServer()
  proxy.on('connect', (request, socket) => {
    connects.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`)
    if (refusesBy !== null) {
      socket.end(`HTTP/1.1 ${refusesBy} No\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const through = connect(backendPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      through.pipe(socket).pipe(through)
    })
    for (const each of [through, socket]) each.on('error', () => {})
  })
  await listen(proxy)
}, 60_000)
afterEach(async () => {
  refusesBy = null
  connects.length = 0
  await endAll()
})
afterAll(async () => {
  proxy.closeAllConnections()
  proxy.close()
  backend.closeAllConnections()
  backend.close()
  await rm(folder, { recursive: true, force: true })
})

const through = (more: Record<string, string> = {}) => ({
  POSTERN_KEY: newToken('pst'),
  HTTPS_PROXY: `http://me:hunter2@127.0.0.1:${(proxy.address() as AddressInfo).port}`,
  ...more,
})

test('calls go through the proxy, over one connection, with its password and TLS to the server', async () => {
  const bridge = start(
    ['https://gateway.test/mcp'],
    through({ NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') }),
  )
  for (const id of [1, 2]) {
    bridge.say(call(id))
    expect((await bridge.next((line) => line.id === id)).result).toEqual({ ok: true })
  }
  expect(connects).toEqual([`gateway.test:443 Basic ${Buffer.from('me:hunter2').toString('base64')}`])
  expect(bridge.stderr()).toBe('')
})

test('a certificate that nobody vouches for is told, and nothing is sent', async () => {
  const bridge = start(['https://gateway.test/mcp'], through())
  bridge.say(call(1))
  const { error } = await bridge.next(({ id }) => id === 1)
  expect(error?.data).toEqual({ reason: 'tls_failed', mayHaveRun: false })
  expect(bridge.stderr()).toContain('NODE_EXTRA_CA_CERTS')
})

test.each([
  [407, 'wants a user and password'],
  [403, 'does not let us through'],
])('a proxy that answers %s is told from a server that does', async (status, text) => {
  refusesBy = status
  const bridge = start(['https://gateway.test/mcp'], through())
  bridge.say(call(1))
  const { error } = await bridge.next(({ id }) => id === 1)
  expect(error?.data).toEqual({ reason: 'proxy_failed', mayHaveRun: false })
  expect(bridge.stderr()).toContain(text)
  expect(bridge.stderr()).not.toContain('hunter2')
})

test('NO_PROXY is respected', async () => {
  const bridge = start(['https://gateway.test/mcp'], through({ NO_PROXY: 'gateway.test' }))
  bridge.say(call(1))
  expect((await bridge.next(({ id }) => id === 1)).error?.data).toMatchObject({ reason: 'name_not_found' })
  expect(connects).toEqual([])
})
