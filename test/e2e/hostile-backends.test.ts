import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bearer, callOf, mcpHeaders, openGateway, rowsOf } from './gateway.ts'
import type { TestGateway, TestKey } from './gateway.ts'

/** Answers each request with bytes of a test's choice; what a request was is the `id` of its call. */
type Speak = (socket: Socket, id: string) => void

let server: Server
let speak: Speak
let connections = 0
let gateway: TestGateway
let key: TestKey

beforeAll(async () => {
  // Without a delay, or the kernel keeps what comes behind an answer until the next request.
  server = createServer({ noDelay: true }, (socket) => {
    connections++
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const [, id] = /"id":"([^"]+)"[^]*\}$/.exec(text) ?? []
      if (id === undefined) return
      text = ''
      speak(socket, id)
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  gateway = await openGateway({
    routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${origin}/mcp` }],
  })
  key = await gateway.issueKey()
})
afterAll(async () => {
  await gateway.close()
  server.close()
})
beforeEach(() => gateway.mark())

const post = (id: string) =>
  fetch(`${gateway.url}/mcp`, {
    method: 'POST',
    headers: { ...mcpHeaders, ...bearer(key) },
    body: callOf('t', {}, id),
  })
const answerTo = (id: string) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id, result: { for: id } })
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
const plainly: Speak = (socket, id) => void socket.write(answerTo(id))
const poison = answerTo('poison')

async function expectOwnAnswer(id: string): Promise<void> {
  const response = await post(id)
  expect([response.status, await response.json()]).toMatchObject([200, { id, result: { for: id } }])
}

interface Vector {
  name: string
  method: string
  bytes: string
  endsAfter: boolean
  expected: { fault?: string }
}
const vectors = (
  JSON.parse(readFileSync(new URL('../../vectors/http-responses.json', import.meta.url), 'utf8')) as Vector[]
).filter(({ method, expected }) => method === 'GET' && expected.fault !== undefined)

describe('T6: an answer that is no HTTP', () => {
  const malformed = vectors.filter(({ expected }) => expected.fault !== 'excess')

  test.each(malformed)('gives 502 and its row, and no other call gets it: $name', async (vector) => {
    speak = (socket) => {
      if (vector.endsAfter) socket.end(vector.bytes, 'latin1')
      else socket.write(vector.bytes, 'latin1')
    }
    const response = await post('bad')
    expect([response.status, await response.json()]).toMatchObject([502, { id: 'bad' }])
    speak = plainly
    await expectOwnAnswer('next')
    const reason = vector.expected.fault === 'cut_off' ? 'upstream_unreachable' : 'upstream_invalid'
    expect(await rowsOf(gateway, 2)).toMatchObject([
      { outcome: 'failed', reason, status: 502 },
      { outcome: 'succeeded', reason: null, status: 200 },
    ])
  })
})

describe('T6: what comes besides an answer is never the answer to another call', () => {
  test('together with it', async () => {
    speak = (socket, id) => void socket.write(answerTo(id) + poison)
    for (let call = 0; call < 5; call++) await expectOwnAnswer(`call-${call}`)
  })

  test('while the connection is idle', async () => {
    for (let call = 0; call < 5; call++) {
      let idle: Socket | null = null
      speak = (socket, id) => {
        idle = socket
        socket.write(answerTo(id))
      }
      await expectOwnAnswer(`first-${call}`)
      await new Promise<void>((resolve) => void idle!.write(poison, () => resolve()))
      await expectOwnAnswer(`second-${call}`)
    }
  })

  test('as the end of a connection that said nothing of it', async () => {
    speak = (socket, id) => void socket.end(answerTo(id))
    for (let call = 0; call < 20; call++) await expectOwnAnswer(`call-${call}`)
  })
})

test('a connection is used again, call after call', async () => {
  speak = plainly
  await expectOwnAnswer('first')
  const before = connections
  for (let call = 0; call < 20; call++) await expectOwnAnswer(`call-${call}`)
  expect(connections).toBe(before)
})

test('calls at once get their own answers, each on a connection of its own', async () => {
  speak = (socket, id) => void setTimeout(() => socket.write(answerTo(id)), id.length)
  await Promise.all(
    Array.from({ length: 40 }, (_, call) => expectOwnAnswer('x'.repeat(1 + ((call * 7) % 40)))),
  )
  expect((await rowsOf(gateway, 40)).every(({ outcome }) => outcome === 'succeeded')).toBe(true)
})

test('a call that was sent is not sent again, though its connection ends without a word', async () => {
  speak = plainly
  await expectOwnAnswer('first')
  let sent = 0
  speak = (socket) => {
    sent++
    socket.destroy()
  }
  expect((await post('lost')).status).toBe(502)
  expect(sent).toBe(1)
})
