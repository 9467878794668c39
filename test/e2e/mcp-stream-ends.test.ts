import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { bearer, callOf, mcpHeaders, rowsOf } from './gateway.ts'
import type { TestKey } from './gateway.ts'
import { onStage } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
onStage(
  (origin) => ({
    routes: [
      { path: '/mcp', mcp: true, accepts: ['service-key'], upstream: `${origin}/mcp` },
      { path: '/api/*', accepts: ['service-key'], upstream: origin },
    ],
  }),
  (set) => {
    stage = set
  },
)

/** Opens a stream that the backend never ends; resolves once it flows. */
async function openStream(key: TestKey, method: 'GET' | 'POST', path = '/mcp') {
  stage.upstream.answer(async (received, response) => {
    await received.whole
    response.on('error', () => {})
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n')
  })
  const answer = await fetch(stage.gateway.url + path, {
    method,
    headers: { ...(method === 'POST' ? mcpHeaders : {}), ...bearer(key) },
    ...(method === 'POST' ? { body: callOf('t') } : {}),
  })
  const reader = answer.body!.getReader()
  await reader.read()
  /** All that still comes, and whether it ended as a whole. */
  const rest = (async () => {
    let text = ''
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return { text, isWhole: true }
        text += Buffer.from(value).toString()
      }
    } catch {
      return { text, isWhole: false }
    }
  })()
  return { rest }
}

const keysOf = () => stage.gateway.postern.keys

test.each([
  ['revoked', 'revoked_key', (key: TestKey) => keysOf().revoke(key.id, 'left', 'test')],
  [
    'disabled',
    'service_user_disabled',
    (key: TestKey) => keysOf().disableServiceUser(key.serviceUserId, 'x', 'test'),
  ],
  ['expired', 'expired_key', () => Promise.resolve(stage.gateway.shiftClock(200 * 86_400_000))],
] as const)(
  'an open stream ends when its key is %s, with the reason in the trail',
  async (what, reason, kill) => {
    const { keys } = stage.gateway.postern
    const user = await keys.createServiceUser({ name: `agent-${what}`, owner: 'o@example.com' }, 'test')
    const { key, token } = await keys.issue({ serviceUser: user.id }, 'test')
    const own = { token, id: key.key.id, serviceUserId: user.id }
    const bystander = what === 'expired' ? null : await openStream(stage.key, 'GET')
    const post = await openStream(own, 'POST')
    const get = await openStream(own, 'GET')
    const plain = await openStream(own, 'GET', '/api/x')
    await kill(own)
    // Who waits for a reply is told; a stream of notifications just ends, as does a plain one.
    const { text, isWhole } = await post.rest
    expect(isWhole).toBe(true)
    expect(JSON.parse(text.replace(/^event: message\ndata: /, ''))).toMatchObject({
      id: 1,
      error: { code: 40101, data: { code: 'malformed_key' } },
    })
    expect((await get.rest).text).toBe('')
    expect((await plain.rest).text).toBe('')
    await expect
      .poll(async () => (await stage.gateway.rows()).filter(({ keyId }) => keyId === own.id))
      .toMatchObject(Array.from({ length: 3 }, () => ({ outcome: 'aborted', reason, status: 200 })))
    for (const { over } of stage.upstream.received.slice(-3)) expect(await over).toBe('aborted')
    if (bystander !== null) {
      const first = await Promise.race([bystander.rest.then(() => 'ended'), Promise.resolve('open')])
      expect(first).toBe('open')
    } else stage.gateway.shiftClock(-200 * 86_400_000)
  },
)

test('an open stream ends with the overlap of its key, though the key was rotated after it began', async () => {
  const { keys } = stage.gateway.postern
  const user = await keys.createServiceUser({ name: 'agent-rotated', owner: 'o@example.com' }, 'test')
  const { key, token } = await keys.issue({ serviceUser: user.id }, 'test')
  const own = { token, id: key.key.id, serviceUserId: user.id }
  const get = await openStream(own, 'GET')
  await keys.rotate(own.id, { overlap: '1h' }, 'test')
  // By then the gateway has learned of the rotation.
  await expect
    .poll(async () => {
      const { headers, body } = await fetch(`${stage.gateway.url}/api/x`, { headers: bearer(own) })
      await body?.cancel()
      return headers.get('x-postern-warning')
    })
    .toContain('key_retiring')
  stage.gateway.shiftClock(3_601_000)
  expect((await get.rest).text).toBe('')
  stage.gateway.shiftClock(-3_601_000)
  await expect
    .poll(async () => (await stage.gateway.rows()).find(({ path }) => path === '/mcp'))
    .toMatchObject({ keyId: own.id, outcome: 'aborted', reason: 'retired_key' })
})

test('streams that were opened and dropped leave nothing open, 2,000 times', async () => {
  stage.upstream.answer((_received, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': hi\n\n')
  })
  const { port } = stage.gateway
  const openAndDrop = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('error', reject)
      socket.write(`GET /mcp HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${stage.key.token}\r\n\r\n`)
      let text = ''
      socket.on('data', (data) => {
        text += data.toString('latin1')
        if (text.includes(': hi')) socket.destroy()
      })
      socket.once('close', () => resolve())
    })
  const handles = () =>
    process.getActiveResourcesInfo().filter((kind) => /TCPSocket|TCPWrap/i.test(kind)).length
  await openAndDrop()
  const before = handles()
  for (let round = 0; round < 40; round++) await Promise.all(Array.from({ length: 50 }, openAndDrop))
  expect(stage.upstream.received.length).toBe(2001)
  for (const { over } of stage.upstream.received) expect(await over).toBe('aborted')
  await expect.poll(handles).toBeLessThanOrEqual(before + 2)
  const rows = await rowsOf(stage.gateway, 2001)
  expect(rows.every(({ method }) => method === null)).toBe(true)
}, 120_000)
