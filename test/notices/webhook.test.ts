import { randomBytes } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, test } from 'vitest'
import type { OutboundAnswer, OutboundRequest } from '../../src/domain/outbound.ts'
import { createSlackSender } from '../../src/notices/slack.ts'
import { createWebhookSender } from '../../src/notices/webhook.ts'
import { createOutbound } from '../../src/outbound/outbound.ts'
import { noticeOf } from './facts.ts'

const clock = { now: () => Date.now() }
const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`
const delivery = { id: '0195a000-0000-7000-8000-00000000000d', recipient: 'ops' }

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

interface Received {
  headers: IncomingHttpHeaders
  body: string
  path: string
}

async function receiver(status = 200): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({ headers: request.headers, body, path: request.url ?? '' })
      response.writeHead(status).end('an answer that nobody keeps')
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received }
}

const send = createOutbound({ allowAddresses: ['127.0.0.0/8'] })

describe('a webhook', () => {
  test("is taken by the library's own verifier, and says what happened", async () => {
    const { url, received } = await receiver()
    const secret = newSecret()
    const sender = createWebhookSender([{ name: 'ops', url, secrets: [secret] }], { send, clock })
    const notice = noticeOf({}, { lastUsedAt: Date.parse('2027-05-20T00:00:00Z') })
    expect(await sender.send(delivery, notice)).toEqual({ failure: null })
    const [{ body, headers } = expect.fail('nothing arrived')] = received
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({
      id: notice.id,
      type: 'key-expiring',
      timestamp: '2027-05-22T14:03:11.000Z',
      data: {
        serviceUserId: notice.serviceUserId,
        serviceUser: 'reporter',
        owner: 'team@example.com',
        keyId: notice.keyId,
        keyName: 'nightly',
        keyStart: 'pst_Ab3d',
        expiresAt: '2027-05-29T14:03:11.000Z',
        retiresAt: null,
        lastUsedAt: '2027-05-20T00:00:00.000Z',
        actor: null,
        reason: null,
        successorStart: null,
        daysLeft: 7,
      },
    })
    expect(headers['webhook-id']).toBe(notice.id)
    expect(headers['content-type']).toBe('application/json')
  })

  test('while secrets are rotated, receivers that know the old one and the new one both take it', async () => {
    const { url, received } = await receiver()
    const [old, next] = [newSecret(), newSecret()]
    const sender = createWebhookSender([{ name: 'ops', url, secrets: [next, old] }], { send, clock })
    await sender.send(delivery, noticeOf())
    const [{ body, headers } = expect.fail('nothing arrived')] = received
    for (const secret of [old, next])
      expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).not.toThrow()
    for (const secret of [newSecret()])
      expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).toThrow()
    expect(() => new Webhook(old).verify(`${body} `, headers as Record<string, string>)).toThrow()
  })

  test('has the same id and body on every attempt, and the time of the attempt', async () => {
    const { url, received } = await receiver(503)
    let now = 1_800_000_000_000
    const sender = createWebhookSender([{ name: 'ops', url, secrets: [newSecret()] }], {
      send,
      clock: { now: () => (now += 90_000) },
    })
    const notice = noticeOf()
    await sender.send(delivery, notice)
    await sender.send(delivery, notice)
    const [first, second] = received
    expect(first?.body).toBe(second?.body)
    expect(first?.headers['webhook-id']).toBe(second?.headers['webhook-id'])
    expect(first?.headers['webhook-timestamp']).not.toBe(second?.headers['webhook-timestamp'])
  })

  test('goes to each endpoint by its name, and a test of channels holds nothing of a key', async () => {
    const { url, received } = await receiver()
    const endpoints = ['ops', 'audit'].map((name) => ({
      name,
      url: `${url}/${name}`,
      secrets: [newSecret()],
    }))
    const sender = createWebhookSender(endpoints, { send, clock })
    expect(sender.recipients(noticeOf(), false)).toEqual(['ops', 'audit'])
    await sender.send({ ...delivery, recipient: 'audit' }, noticeOf({ kind: 'test', facts: null }))
    expect(received.map(({ path }) => path)).toEqual(['/hook/audit'])
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({ type: 'test', data: {} })
  })

  test('for an endpoint that this node does not know waits for one that does', async () => {
    const sender = createWebhookSender([], { send, clock })
    expect(await sender.send(delivery, noticeOf())).toEqual({
      failure: 'the settings name no such webhook',
      isFinal: false,
    })
  })
})

describe('an endpoint that misbehaves is a failed attempt with its cause', () => {
  const piece = Buffer.alloc(64 * 1024)
  test.each<[string, RequestListener, string]>([
    ['a redirect', (_, response) => response.writeHead(307, { location: '/' }).end(), 'redirected'],
    ['nothing', () => {}, 'timed_out'],
    [
      '200 MB',
      (_, response) => {
        let left = 3200
        const write = (): void => {
          while (left > 0 && !response.destroyed) {
            left -= 1
            if (!response.write(piece)) return void response.once('drain', write)
          }
          response.end()
        }
        write()
      },
      'the answer is too long',
    ],
  ])('%s', async (_, answer, failure) => {
    const server = createServer(answer)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    ends.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const impatient = createOutbound({ allowAddresses: ['127.0.0.0/8'], totalTimeoutMs: 2000 })
    const sender = createWebhookSender([{ name: 'ops', url, secrets: [newSecret()] }], {
      send: impatient,
      clock,
    })
    expect(await sender.send(delivery, noticeOf())).toEqual({ failure, isFinal: false })
  })
})

describe('what an answer means', () => {
  const answering = (answer: OutboundAnswer) => {
    const seen: OutboundRequest[] = []
    const stub = (request: OutboundRequest): Promise<OutboundAnswer> => {
      seen.push(request)
      return Promise.resolve(answer)
    }
    return { seen, send: stub }
  }
  const status = (code: number): OutboundAnswer => ({
    status: code,
    headers: new Map(),
    body: Buffer.from('secret of the other side'),
    isCut: false,
  })
  const endpoint = { name: 'ops', url: 'https://hooks.example.com/c4nary-url', secrets: [newSecret()] }

  test.each<[OutboundAnswer, unknown]>([
    [status(200), { failure: null }],
    [status(204), { failure: null }],
    [status(410), { failure: 'status 410', isFinal: true }],
    [status(400), { failure: 'status 400', isFinal: false }],
    [status(404), { failure: 'status 404', isFinal: false }],
    [status(500), { failure: 'status 500', isFinal: false }],
    [
      { ...status(200), isCut: true },
      { failure: 'the answer is too long', isFinal: false },
    ],
    [{ failure: 'redirected' }, { failure: 'redirected', isFinal: false }],
    [{ failure: 'timed_out' }, { failure: 'timed_out', isFinal: false }],
    [{ failure: 'address_refused' }, { failure: 'address_refused', isFinal: false }],
  ])('of a webhook: %j', async (answer, attempt) => {
    const sender = createWebhookSender([endpoint], { ...answering(answer), clock })
    expect(await sender.send(delivery, noticeOf())).toEqual(attempt)
  })

  test.each<[number, unknown]>([
    [200, { failure: null }],
    [404, { failure: 'status 404', isFinal: true }],
    [410, { failure: 'status 410', isFinal: true }],
    [429, { failure: 'status 429', isFinal: false }],
  ])('of Slack: %i', async (code, attempt) => {
    const sender = createSlackSender({ url: endpoint.url, pageUrl: null }, answering(status(code)))
    expect(await sender.send(delivery, noticeOf())).toEqual(attempt)
  })

  test('a Slack text makes no mention and no link of a name', async () => {
    const stub = answering(status(200))
    const sender = createSlackSender({ url: endpoint.url, pageUrl: 'https://p.example.com/?a=1&b' }, stub)
    const name = '<!channel> & <https://evil.example.com|click>\n*x*'
    await sender.send(delivery, noticeOf({}, { serviceUser: name, keyName: name }))
    const { text } = JSON.parse(stub.seen[0]?.body ?? '') as { text: string }
    expect(text).toContain('&lt;!channel&gt; &amp; &lt;https://evil.example.com|click&gt;')
    expect(text.match(/<[^>]*>/g)).toEqual(['<https://p.example.com/?a=1&amp;b|Open the keys>'])
    expect(text.split('\n')).toHaveLength(4)
    expect(sender.recipients(noticeOf(), false)).toEqual(['slack'])
  })
})
