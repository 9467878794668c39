import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { OutboundAnswer } from '../../src/domain/outbound.ts'
import { createOutbound, type OutboundOptions } from '../../src/outbound/outbound.ts'

const loopback = ['127.0.0.0/8']
const ends: (() => void)[] = []
function endAll(): void {
  for (const end of ends.splice(0)) end()
}
afterEach(endAll)

async function listen(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function post(url: string, options: Partial<OutboundOptions> = {}): Promise<OutboundAnswer> {
  const send = createOutbound({ allowAddresses: loopback, ...options })
  return send({ method: 'POST', url, headers: { 'content-type': 'text/plain' }, body: 'hello' })
}

async function serve(handler: RequestListener): Promise<{ port: number; requests: string[] }> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.headers.host} ${request.url}`)
    handler(request, response)
  })
  return { port: await listen(server), requests }
}

test('sends what it was given, and answers status, head and body', async () => {
  const { port } = await serve((request, response) => {
    response.setHeader('x-echo', String(request.headers['content-type']))
    response.statusCode = 201
    request.pipe(response)
  })
  const answer = await post(`http://127.0.0.1:${port}/hook?a=1`)
  if ('failure' in answer) throw new Error(answer.failure)
  expect([answer.status, answer.headers.get('x-echo'), String(answer.body), answer.isCut]).toEqual([
    201,
    'text/plain',
    'hello',
    false,
  ])
})

describe('an address that nobody meant is never connected to (T26)', () => {
  const resolve = (name: string): Promise<string[]> => {
    const records: Record<string, string[]> = {
      'metadata.test': ['169.254.169.254'],
      'mapped.test': ['::ffff:10.0.0.1'],
      'mixed.test': ['8.8.8.8', '10.0.0.1'],
      'empty.test': [],
      'zone.test': ['fe80::1%lo'],
    }
    const found = records[name]
    return found === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(found)
  }
  test.each<[string, string]>([
    ['https://169.254.169.254/latest/meta-data', 'address_refused'],
    ['https://[::ffff:10.0.0.1]/', 'address_refused'],
    ['https://[::1]/', 'address_refused'],
    ['https://[64:ff9b::a00:1]/', 'address_refused'],
    ['https://127.0.0.1/', 'address_refused'],
    // Forms that URL parsers read as 127.0.0.1.
    ['https://2130706433/', 'address_refused'],
    ['https://0x7f.1/', 'address_refused'],
    ['https://0177.0.0.1/', 'address_refused'],
    ['https://127.1/', 'address_refused'],
    ['https://①②⑦.0.0.1/', 'address_refused'],
    ['https://metadata.test/', 'address_refused'],
    ['https://mapped.test/', 'address_refused'],
    ['https://mixed.test/', 'address_refused'],
    ['https://zone.test/', 'address_refused'],
    ['https://empty.test/', 'name_not_found'],
    ['https://nowhere.test/', 'name_not_found'],
    // Plain HTTP goes to no address but those that the settings name.
    ['http://8.8.8.8/', 'url_refused'],
    ['https://user:password@8.8.8.8/', 'url_refused'],
    ['file:///etc/passwd', 'url_refused'],
    ['ftp://8.8.8.8/', 'url_refused'],
    ['//8.8.8.8/', 'url_refused'],
    ['', 'url_refused'],
  ])('%s: %s', async (url, failure) => {
    expect(await post(url, { allowAddresses: [], resolve })).toEqual({ failure })
  })

  test('a name that says something else a moment later leads to the address that was judged', async () => {
    const { port, requests } = await serve((_, response) => response.end())
    const answers = [['127.0.0.1'], ['10.0.0.1']]
    const resolve = vi.fn(() => Promise.resolve(answers.shift() ?? ['10.0.0.1']))
    expect(await post(`http://rebinding.test:${port}/`, { resolve })).toMatchObject({ status: 200 })
    expect(resolve).toHaveBeenCalledTimes(1)
    expect(requests).toEqual([`POST rebinding.test:${port} /`])
    // And where the second answer is the one that it gets, that one is refused.
    expect(await post(`http://rebinding.test:${port}/`, { resolve })).toEqual({ failure: 'address_refused' })
    expect(requests).toHaveLength(1)
  })

  test('no redirect is followed, to a private address or any other', async () => {
    const inner = await serve((_, response) => response.end('secret'))
    for (const status of [301, 302, 303, 304, 307, 308]) {
      const outer = await serve((_, response) => {
        response.writeHead(status, { location: `http://127.0.0.1:${inner.port}/` }).end('x'.repeat(100_000))
      })
      expect(await post(`http://127.0.0.1:${outer.port}/`)).toEqual({ failure: 'redirected' })
    }
    expect(inner.requests).toEqual([])
  })

  test('proxy variables of the environment are not followed', async () => {
    const proxy = await serve((_, response) => response.end())
    const target = await serve((_, response) => response.end())
    for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY'])
      vi.stubEnv(name, `http://127.0.0.1:${proxy.port}`)
    vi.stubEnv('NODE_USE_ENV_PROXY', '1')
    await post(`http://127.0.0.1:${target.port}/`)
    vi.unstubAllEnvs()
    expect([proxy.requests.length, target.requests.length]).toEqual([0, 1])
  })
})

describe('what a bad endpoint does costs little', () => {
  test('of an answer of 200 MB only 64 KiB are read, and the connection ends', async () => {
    let sent = 0
    let ended = false
    const { port } = await serve((_, response) => {
      const piece = Buffer.alloc(64 * 1024)
      const write = (): void => {
        while (!ended && sent < 200 * 1024 * 1024) {
          sent += piece.length
          if (!response.write(piece)) return void response.once('drain', write)
        }
      }
      response.on('close', () => (ended = true))
      write()
    })
    const answer = await post(`http://127.0.0.1:${port}/`)
    if ('failure' in answer) throw new Error(answer.failure)
    expect([answer.body.length, answer.isCut]).toEqual([64 * 1024, true])
    await vi.waitFor(() => expect(ended).toBe(true))
    expect(sent).toBeLessThan(50 * 1024 * 1024)
  })

  test('an endpoint that never answers is given up', async () => {
    const { port } = await serve(() => {})
    expect(await post(`http://127.0.0.1:${port}/`, { stepTimeoutMs: 50 })).toEqual({ failure: 'timed_out' })
  })

  test('one that never ends its answer is given up, a byte now and then or not', async () => {
    const timers: NodeJS.Timeout[] = []
    const { port } = await serve((_, response) => {
      response.writeHead(200)
      timers.push(setInterval(() => response.write('x'), 5))
    })
    expect(await post(`http://127.0.0.1:${port}/`, { totalTimeoutMs: 100 })).toEqual({ failure: 'timed_out' })
    timers.forEach(clearInterval)
  })

  test('a resolver that never answers is given up', async () => {
    const resolve = (): Promise<string[]> => new Promise(() => {})
    expect(await post('https://slow.test/', { resolve, totalTimeoutMs: 30 })).toEqual({
      failure: 'timed_out',
    })
  })

  test.each<[string, (socket: Socket) => void, string]>([
    ['hangs up', (socket) => socket.destroy(), 'unreachable'],
    ['speaks no HTTP', (socket) => socket.end('220 smtp.test ESMTP\r\n'), 'answer_broken'],
    ['has a head without end', (socket) => fill(socket, 'HTTP/1.1 200 OK\r\nx: '), 'answer_broken'],
  ])('one that %s is a failure with a code', async (_, behave, failure) => {
    const sockets: Socket[] = []
    const server = createTcpServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.once('data', () => behave(socket))
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    ends.push(() => {
      sockets.forEach((socket) => socket.destroy())
      server.close()
    })
    expect(await post(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).toEqual({ failure })
  })

  test('nothing listens', async () => {
    const { port } = await serve(() => {})
    endAll()
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual({ failure: 'unreachable' })
  })
})

function fill(socket: Socket, start: string): void {
  socket.write(start)
  for (let count = 0; count < 64; count += 1) socket.write('x'.repeat(1024))
}

test('the certificate is checked against the name, though the address was chosen before', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-outbound-'))
  ends.push(() => rmSync(directory, { recursive: true }))
  const [keyFile, certFile] = [join(directory, 'key'), join(directory, 'cert')]
  const subject = ['-subj', '/CN=hook.test', '-addext', 'subjectAltName=DNS:hook.test']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', keyFile, '-out', certFile], {
    stdio: 'ignore',
  })
  const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')]
  const port = await listen(createTlsServer({ key, cert }, (_, response) => response.end()))
  const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.1'])
  expect(await post(`https://hook.test:${port}/`, { resolve, ca: cert })).toMatchObject({ status: 200 })
  expect(await post(`https://other.test:${port}/`, { resolve, ca: cert })).toEqual({ failure: 'tls_failed' })
  expect(await post(`https://hook.test:${port}/`, { resolve })).toEqual({ failure: 'tls_failed' })
})
