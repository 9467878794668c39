import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { readHead } from '../../src/front/head.ts'
import type { Head } from '../../src/front/head.ts'
import { readBody } from '../../src/gateway/body.ts'

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

type Judge = (request: IncomingMessage, response: ServerResponse, head: Head) => unknown

/** A server whose handler is called a microtask after the head, as the gateway reads bodies; answers a raw connection to it. */
async function connection(judge: Judge) {
  const server = createServer((request, response) => {
    const reading = readHead(request.rawHeaders)
    if (!reading.ok) throw new Error(reading.reason)
    void Promise.resolve().then(() => judge(request, response, reading.head))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  cleanups.push(
    () => socket.destroy(),
    () => server.close(),
  )
  return socket
}

const head = (bytes: number) => `POST / HTTP/1.1\r\nHost: here\r\nContent-Length: ${bytes}\r\n\r\n`
const limits = { limitBytes: 10, timeoutMs: 10_000 }

describe('a body', () => {
  test('that came with its head is there at once, and its request still comes to its end', async () => {
    const seen: unknown[] = []
    const socket = await connection((request, response, given) => {
      const read = readBody(request, response, given, limits)
      seen.push(Buffer.isBuffer(read) ? read.toString() : 'not yet')
      request.once('close', () => seen.push('closed'))
      response.end()
    })
    socket.write(`${head(5)}first`)
    await once(socket, 'data')
    socket.write(`${head(6)}second`)
    await once(socket, 'data')
    await expect.poll(() => seen).toEqual(['first', 'closed', 'second', 'closed'])
  })

  test('of which part is still on its way is waited for', async () => {
    const read = new Promise((resolve) => {
      void connection((request, response, given) => {
        const pending = readBody(request, response, given, limits)
        resolve(pending instanceof Promise ? pending.then(String) : 'at once')
        request.resume()
      }).then((socket) => {
        socket.write(`${head(6)}abc`)
        setTimeout(() => socket.write('def'), 20)
      })
    })
    expect(await read).toBe('abcdef')
  })

  test('over its limit is refused unread', async () => {
    const read = new Promise((resolve) => {
      void connection((request, response, given) => {
        resolve([readBody(request, response, given, limits), request.readableDidRead])
      }).then((socket) => socket.write(`${head(11)}01234567890`))
    })
    expect(await read).toEqual(['body_too_large', false])
  })
})
