import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createBrake } from '../../src/gateway/brake.ts'

/** R14: who brings refused credentials is read slowly, and nobody else. */

const perSecond = 100

let server: Server | null = null
const clients: Socket[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await new Promise((resolve) => server?.close(resolve))
})

/** A server that refuses each request but those for /good; `sockets` are its ends of the connections, in order. */
async function serve({ isTrusted = false, monotonic = () => performance.now() } = {}) {
  const clock = { monotonic }
  const brake = createBrake({ clock, isTrustedPeer: () => isTrusted })
  const sockets: Socket[] = []
  const held = new Set<Socket>()
  server = createServer((request, response) => {
    const { socket } = request
    if (request.url === '/good') brake.vouch(socket)
    else brake.refused(socket, response)
    response.end('x')
    response.on('close', () => setImmediate(() => setImmediate(() => socket.isPaused() && held.add(socket))))
  })
  server.on('connection', (socket: Socket) => sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  async function open() {
    const client = connect(port, '127.0.0.1')
    clients.push(client)
    await once(client, 'connect')
    let answers = 0
    client.on('data', (data: Buffer) => {
      answers += data.toString('latin1').split('HTTP/1.1 200').length - 1
    })
    return {
      answers: () => answers,
      send: (path: string, count = 1) =>
        void client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(count)),
    }
  }
  return { open, held, sockets }
}

const within = { timeout: 20_000, interval: 5 }

test('beyond a second’s worth, a connection that brings refused credentials waits until its debt is paid', async () => {
  const { open } = await serve()
  const client = await open()
  const rounds = 6
  const startedAt = performance.now()
  for (let round = 1; round <= rounds; round++) {
    client.send('/bad', 50)
    await expect.poll(client.answers, within).toBe(50 * round)
  }
  // All but the last round, whose answers aren't held back, had to be paid for, less the first second's worth.
  const owedMs = ((50 * (rounds - 1)) / perSecond - 1) * 1000
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(owedMs - 50)
})

test('others of the same address are read meanwhile', async () => {
  const { open, held, sockets } = await serve()
  const [bad, good] = [await open(), await open()]
  bad.send('/bad', 400)
  await expect.poll(() => held.size, within).toBe(1)
  good.send('/good', 20)
  await expect.poll(good.answers, within).toBe(20)
  expect(held).toEqual(new Set([sockets[0]]))
})

test('a second connection of a peer in debt is held up from its first refusal on', async () => {
  const { open, held } = await serve()
  const [first, second] = [await open(), await open()]
  first.send('/bad', 400)
  await expect.poll(first.answers, within).toBe(400)
  second.send('/bad')
  await expect.poll(() => held.size, within).toBe(2)
})

test('a connection that has brought a good credential is never held up, nor one of a trusted proxy', async () => {
  const shared = await serve()
  const client = await shared.open()
  client.send('/good')
  await expect.poll(client.answers, within).toBe(1)
  client.send('/bad', 400)
  await expect.poll(client.answers, within).toBe(401)
  expect(shared.held.size).toBe(0)
  server?.close()

  const behind = await serve({ isTrusted: true })
  const proxy = await behind.open()
  proxy.send('/bad', 400)
  await expect.poll(proxy.answers, within).toBe(400)
  expect(behind.held.size).toBe(0)
})

test('a connection is read again though its timer was early, as after a long turn of the event loop', async () => {
  // By this clock, each timer comes when a third of its time is left.
  const { open, held } = await serve({ monotonic: () => performance.now() * 0.67 })
  const client = await open()
  client.send('/bad', 104)
  await expect.poll(() => client.answers(), within).toBe(104)
  expect(held.size).toBe(1)
  client.send('/bad')
  await expect.poll(() => client.answers(), within).toBe(105)
})
