import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import tls from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { ResponseSink } from '../../src/gateway/upstream/connection.ts'
import type { Connections } from '../../src/gateway/upstream/connections.ts'
import { createConnections } from '../../src/gateway/upstream/connections.ts'
import { UpstreamFailure } from '../../src/gateway/upstream/failure.ts'
import type { UpstreamRequest } from '../../src/gateway/upstream/request-head.ts'

const cleanups: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const step of cleanups.splice(0).toReversed()) await step()
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => void server.close())
  return (server.address() as AddressInfo).port
}

function connectionsTo(origin: string): Connections {
  const connections = createConnections(origin)
  cleanups.push(() => connections.destroy())
  return connections
}

const plain: UpstreamRequest = {
  path: '/',
  method: 'POST',
  headers: ['host', 'h'],
  body: null,
  streamBytes: null,
  headTimeoutMs: 5000,
}

/** The body of the answer; rejects with what the sink was told. */
function call(connections: Connections, request: Partial<UpstreamRequest> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = ''
    const sink: ResponseSink = {
      onConnection() {},
      onHead: () => true,
      onData(chunk) {
        body += chunk.toString('latin1')
        return true
      },
      onComplete: () => resolve(body),
      onDue() {},
      onError: reject,
    }
    connections.dispatch({ ...plain, ...request }, sink)
  })
}

describe('over TLS', () => {
  async function startTls() {
    const directory = mkdtempSync(join(tmpdir(), 'postern-tls-'))
    const [keyFile, certFile] = [join(directory, 'key'), join(directory, 'cert')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', keyFile, '-out', certFile], {
      stdio: 'ignore',
    })
    const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')]
    rmSync(directory, { recursive: true })
    const names: unknown[] = []
    let requests = 0
    const server = createServer({ key, cert }, (request, response) => {
      requests++
      request.pipe(response)
    })
    server.on('secureConnection', (socket) => void names.push(socket.servername))
    return { port: await listen(server), cert, names, requests: () => requests }
  }

  function trust(cert: string): void {
    const before = tls.createSecureContext
    tls.createSecureContext = (options) => before({ ...options, ca: cert })
    cleanups.push(() => {
      tls.createSecureContext = before
    })
  }

  test('a trusted backend is named, answers, and keeps its connection', async () => {
    const { port, cert, names } = await startTls()
    trust(cert)
    const connections = connectionsTo(`https://localhost:${port}`)
    for (const size of [0, 5, 20_000, 500_000]) {
      const body = Buffer.alloc(size, 'abcdefg')
      expect((await call(connections, { body })) === body.toString()).toBe(true)
    }
    expect(names).toEqual(['localhost'])
  })

  test.each([
    ['whose certificate nobody vouches for', 'localhost', false],
    ['whose certificate is for another name', '127.0.0.1', true],
  ])('a backend %s gets nothing', async (_what, host, isTrusted) => {
    const { port, cert, requests } = await startTls()
    if (isTrusted) trust(cert)
    const connections = connectionsTo(`https://${host}:${port}`)
    await expect(call(connections)).rejects.toMatchObject({ reason: 'upstream_unreachable' })
    expect(requests()).toBe(0)
  })
})

describe('what is sent', () => {
  /** A server that keeps what it gets, and answers at once or never. */
  async function startKeeping(answer: string | null) {
    const state: { text: string; sockets: Socket[] } = { text: '', sockets: [] }
    const server = createTcpServer((socket) => {
      state.sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        state.text += chunk.toString('latin1')
        if (answer !== null && state.text.endsWith('\r\n\r\n')) socket.write(answer)
      })
    })
    return { state, connections: connectionsTo(`http://127.0.0.1:${await listen(server)}`) }
  }
  const empty = 'HTTP/1.1 204 X\r\n\r\n'

  test('frames a body by its length, an empty one by zero, and a stream by chunks', async () => {
    const { state, connections } = await startKeeping(empty)
    await call(connections, { headers: ['host', 'h', 'x-a', 'gr\xfc\xdfe'] })
    await call(connections, { method: 'GET', path: '/a?b=c' })
    await call(connections, { body: Readable.from([Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')]) })
    await call(connections, { body: Buffer.from('ab\r\n\r\n') })
    await call(connections, { body: Readable.from([Buffer.from('ab\r\n\r\n')]), streamBytes: 6 })
    const rest = 'connection: keep-alive\r\n\r\n'
    expect(state.text).toBe(
      `POST / HTTP/1.1\r\nhost: h\r\nx-a: gr\xfc\xdfe\r\ncontent-length: 0\r\n${rest}` +
        `GET /a?b=c HTTP/1.1\r\nhost: h\r\n${rest}` +
        `POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n${rest}2\r\nab\r\n1\r\nc\r\n0\r\n\r\n` +
        `POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n${rest}ab\r\n\r\n`.repeat(2),
    )
  })

  test.each<[string, Partial<UpstreamRequest>]>([
    ['a line end in a value', { headers: ['host', 'h\r\nx: y'] }],
    ['a bare line feed in a value', { headers: ['x', 'a\nb'] }],
    ['a colon in a name', { headers: ['x: y', 'z'] }],
    ['a value that is not of single bytes', { headers: ['x', '\u010a'] }],
    ['a space in the path', { path: '/a b' }],
    ['a line end in the path', { path: '/ HTTP/1.1\r\n\r\n' }],
    ['a method with a space', { method: 'GET /' }],
  ])('is never a second request: %s', async (_what, request) => {
    const { state, connections } = await startKeeping(empty)
    await expect(call(connections, request)).rejects.toThrow('no fit')
    expect(state.text).toBe('')
  })

  test.each([
    ['longer', ['abc', 'def'], 4],
    ['shorter', ['abc'], 4],
  ])('of a stream that is %s than announced never looks whole', async (_what, parts, streamBytes) => {
    const { state, connections } = await startKeeping(null)
    const body = Readable.from(parts.map((part) => Buffer.from(part)))
    await expect(call(connections, { body, streamBytes })).rejects.toThrow('than announced')
    expect((state.text.split('\r\n\r\n')[1] ?? '').length).toBeLessThan(streamBytes)
  })

  test('is not read on once the answer is whole, and the connection is no one else’s', async () => {
    const { state, connections } = await startKeeping(empty)
    const body = new PassThrough()
    await call(connections, { body })
    await expect.poll(() => body.destroyed).toBe(true)
    await call(connections)
    expect(state.sockets).toHaveLength(2)
  })
})

describe('a call fails as', () => {
  test('upstream_timeout where no head comes in time, again after a connection was used', async () => {
    let isSilent = false
    const port = await listen(
      createTcpServer((socket) => {
        socket.on('error', () => {})
        socket.on('data', () => void (isSilent || socket.write('HTTP/1.1 204 X\r\n\r\n')))
      }),
    )
    const connections = connectionsTo(`http://127.0.0.1:${port}`)
    await call(connections)
    isSilent = true
    await expect(call(connections, { headTimeoutMs: 20 })).rejects.toMatchObject({
      reason: 'upstream_timeout',
    })
  })

  test('stopped where this node stops, under way, waiting or late', async () => {
    const port = await listen(createTcpServer((socket) => void socket.on('error', () => {})))
    const connections = createConnections(`http://127.0.0.1:${port}`)
    const underWay = expect(call(connections)).rejects.toEqual(new UpstreamFailure(null, 'this node stops'))
    await connections.destroy()
    await underWay
    await expect(call(connections)).rejects.toMatchObject({ reason: null })
  })
})
