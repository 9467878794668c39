import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { describe, expect, it } from 'vitest'
import { giveRequest } from '../../src/next/given-request.ts'

const text = '{"a":"ä"}'
const nobody = { applyTo: () => {}, strip: (headers: Headers) => headers }

/** As a wrapped handler gets it: what came over the network has been read, and Next has its proxy around it. */
async function given(body = text, contentType = 'application/json'): Promise<Request> {
  const request = new Request('http://app.example/api/mcp', {
    method: 'POST',
    headers: { 'content-type': contentType, accept: 'application/json, text/event-stream' },
    body,
  })
  const bytes = new Uint8Array(await request.arrayBuffer())
  const asNext = new Proxy(request, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return giveRequest(asNext, { identity: nobody, node: {} as never, caller: null, body: bytes })
}

describe('a request whose body was read before its handler', () => {
  it.each<[string, (request: Request) => Promise<unknown>, unknown]>([
    ['text', (request) => request.text(), text],
    ['JSON', (request) => request.json(), { a: 'ä' }],
    ['bytes', async (request) => Buffer.from(await request.arrayBuffer()).toString(), text],
    ['a blob', async (request) => (await request.blob()).text(), text],
    ['a stream', async (request) => new Response(request.body).text(), text],
    ['a clone', async (request) => request.clone().json(), { a: 'ä' }],
    ['the body of another', async (request) => new Request('http://b/', request).text(), text],
  ])('is read as %s', async (_, read, expected) => {
    expect(await read(await given())).toEqual(expected)
  })

  it('is read as a form', async () => {
    const request = await given('a=1', 'application/x-www-form-urlencoded')
    expect((await request.formData()).get('a')).toBe('1')
  })

  it('is a request still, with its method, its URL and its headers', async () => {
    const request = await given()
    expect(request).toBeInstanceOf(Request)
    const { method, url, headers, bodyUsed } = request
    expect([method, url, headers.get('content-type'), bodyUsed]).toEqual([
      'POST',
      'http://app.example/api/mcp',
      'application/json',
      false,
    ])
  })

  it.each<[string, (request: Request) => Promise<unknown>]>([
    ['text', (request) => request.text()],
    ['JSON', (request) => request.json()],
    ['bytes', (request) => request.arrayBuffer()],
    ['a blob', (request) => request.blob()],
    ['a stream', (request) => new Response(request.body).text()],
  ])('is read once only, here first as %s', async (_, read) => {
    const request = await given()
    await read(request)
    expect(request.bodyUsed).toBe(true)
    await expect(request.text()).rejects.toThrow(TypeError)
    await expect(request.json()).rejects.toThrow(TypeError)
    await expect(request.blob()).rejects.toThrow(TypeError)
    expect(() => request.clone()).toThrow(TypeError)
  })

  it('may be read by whom it is given to, and not by its handler too', async () => {
    const request = await given()
    const clone = request.clone()
    expect(await clone.json()).toEqual({ a: 'ä' })
    expect(await request.json()).toEqual({ a: 'ä' })
  })

  it('can be wrapped twice', async () => {
    const once = await given()
    const bytes = Buffer.from(await once.text())
    const twice = giveRequest(once, { identity: nobody, node: {} as never, caller: null, body: bytes })
    expect(await twice.text()).toBe(text)
  })

  it("is what MCP's own transport reads", async () => {
    const transport = new WebStandardStreamableHTTPServerTransport({})
    const read = new Promise((resolve) => void Object.assign(transport, { onmessage: resolve }))
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    }
    await transport.handleRequest(await given(JSON.stringify(initialize)))
    expect(await read).toEqual(initialize)
    await transport.close()
  })
})
