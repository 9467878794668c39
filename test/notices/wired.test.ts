import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import type { NoticeJson, PassJson } from '../../src/admin/schemas-notices.ts'
import { createPostern, type Postern } from '../../src/postern.ts'
import { startMailServer, type MailServer } from './mail-server.ts'
import { startReceiver, type Receiver } from './stage.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const canary = 'c4nary'
const secret = `whsec_${Buffer.from(`${canary} webhook secret, 32 bytes..`).toString('base64')}`
const hidden = [canary, secret, secret.slice('whsec_'.length)]

let dataDir: string
let mail: MailServer
let good: Receiver
let bad: Receiver
let logged = ''

function open(notices: object): Postern {
  const config = parseConfig({ data: dataDir, notices, log: { level: 'trace' } }, {}, dataDir)
  const log = pino({ level: 'trace' }, { write: (line: string) => (logged += line) })
  return createPostern(config, { log })
}

async function api<T>(postern: Postern, method: string, path: string, body?: object): Promise<T> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) }
  const headers = { 'content-type': 'application/json' }
  const url = `http://postern/admin/api-keys/api/v1${path}`
  return (await (await postern.admin(new Request(url, { method, headers, ...init }))).json()) as T
}

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'postern-notices-'))
  mail = await startMailServer({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _, done) =>
      password === `${canary}-password`
        ? done(null, { user: username })
        : done(new Error(`no: ${username} ${password}`)),
  })
  good = await startReceiver()
  bad = await startReceiver(() => 500)
})
afterAll(async () => {
  good.close()
  bad.close()
  await mail.close()
  rmSync(dataDir, { recursive: true, force: true })
})

/** Channels that work, and others that fail in each way. */
function channels(): object {
  const smtp = `smtp://postern:${canary}-password@127.0.0.1:${mail.port}`
  return {
    email: { smtp, from: 'keys@example.com' },
    webhooks: [
      { name: 'good', url: `${good.url}${canary}`, secrets: [secret] },
      { name: 'bad', url: `${bad.url}${canary}?${canary}`, secrets: [secret] },
      // Refused by the guard: the name of this very machine's metadata service, as it were.
      { name: 'inner', url: `https://169.254.169.254/${canary}`, secrets: [secret] },
    ],
    slack: { url: `${bad.url}services/${canary}` },
    allowAddresses: ['127.0.0.0/8'],
  }
}

describe('over every channel at once', () => {
  test('what works arrives, what fails says why, and no secret is anywhere (T22)', async () => {
    const postern = open(channels())
    const answers: unknown[] = []
    try {
      await postern.start()
      await postern.keys.createServiceUser({ name: 'bot', owner: 'team@example.com' }, 'ann')
      const { token, key } = await postern.keys.issue({ serviceUser: 'bot' }, 'ann')
      hidden.push(token)
      answers.push(await api<PassJson>(postern, 'POST', '/tick', {}))
      const tested = await api<NoticeJson>(postern, 'POST', '/notices/test', { email: 'other@example.com' })
      answers.push(tested)
      const page = await api<{ data: NoticeJson[] }>(postern, 'GET', '/notices')
      answers.push(
        page,
        await api(postern, 'GET', `/notices?key=${key.key.id}&serviceUser=bot&unacknowledged=true`),
      )
      answers.push(await postern.keys.show(key.key.id))

      for (const { kind, deliveries } of page.data) {
        const states = deliveries.map(({ channel, recipient, state, lastFailure }) =>
          [channel, recipient, state, lastFailure].join(' '),
        )
        expect(states.toSorted()).toEqual([
          `email ${kind === 'test' ? 'other' : 'team'}@example.com delivered `,
          'slack slack waiting status 500',
          'webhook bad waiting status 500',
          'webhook good delivered ',
          'webhook inner waiting address_refused',
        ])
      }
      expect(page.data.map(({ kind }) => kind)).toEqual(['test', 'key-created'])
      expect(mail.received.map(({ to }) => to[0])).toEqual(['team@example.com', 'other@example.com'])
    } finally {
      await postern.close()
    }
    const sent = [...mail.received.map(({ raw }) => raw), ...good.received.map(({ body }) => body)]
    const outputs = { answers: JSON.stringify(answers), logged, sent: sent.join('\n'), stored: stored() }
    expect(outputs.stored.length).toBeGreaterThan(100_000)
    for (const [name, output] of Object.entries(outputs))
      for (const text of hidden) expect([name, output.includes(text)]).toEqual([name, false])
  })

  /** All bytes of the database's files: whatever was ever written is in the log of changes. */
  function stored(): string {
    const directory = join(dataDir, 'pglite')
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('\n')
  }
})

test('channels that hang have no effect on verification', async () => {
  const silent = createTcpServer()
  const sockets: { destroy(): void }[] = []
  silent.on('connection', (socket) => sockets.push(socket))
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
  const { port } = silent.address() as AddressInfo
  const postern = open({
    email: { smtp: `smtp://127.0.0.1:${port}`, from: 'keys@example.com' },
    webhooks: [{ name: 'hangs', url: `http://127.0.0.1:${port}/`, secrets: [secret] }],
    slack: { url: `http://127.0.0.1:${port}/` },
    allowAddresses: ['127.0.0.0/8'],
  })
  try {
    await postern.start()
    const { token, key } = await postern.keys.issue({ serviceUser: 'bot' }, 'ann')
    const passing = postern.tick()
    await expect.poll(() => sockets.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(3)
    const verify = async (): Promise<string> => {
      const source = { authorization: `Bearer ${token}`, query: '' }
      const verdict = await postern.verify(source, ['service-key'])
      return verdict.allowed ? 'allowed' : verdict.reason
    }
    expect(await verify()).toBe('allowed')
    await postern.keys.revoke(key.key.id, 'leak', 'ann')
    await expect.poll(verify, { timeout: 10_000 }).toBe('revoked_key')
    for (const socket of sockets) socket.destroy()
    silent.close()
    expect(await passing).toMatchObject({ delivered: 0 })
  } finally {
    await postern.close()
  }
})
