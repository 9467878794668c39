import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startReceiver, type Receiver } from '../notices/stage.ts'
import { end, linesOf, run, start, type Ran } from './bin.ts'

// Each command is a process of its own, and most open a database.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const secret = `whsec_${Buffer.from('c4nary webhook secret, 32 bytes..').toString('base64')}`
let cwd: string
let receiver: Receiver
let gone: Receiver
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'postern-cli-notices-'))
  receiver = await startReceiver()
  gone = await startReceiver(() => 410)
})
afterAll(() => {
  receiver.close()
  gone.close()
  rmSync(cwd, { recursive: true, force: true })
})

function postern(...args: string[]): Promise<Ran> {
  return run(args, { cwd })
}

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await postern(...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as T
}

function settings(notices: object): void {
  writeFileSync(join(cwd, 'postern.config.json'), JSON.stringify({ notices }))
}

interface Finding {
  check: string
  level: string
  message: string
}

test('before there is anything, doctor says what to do, and fails', async () => {
  const { code, stdout } = await postern('doctor', '--json')
  expect(code).toBe(1)
  const { data } = JSON.parse(stdout) as { data: Finding[] }
  expect(data.map(({ check, level }) => `${check} ${level}`)).toEqual(
    expect.arrayContaining(['database error', 'notices warning']),
  )
  expect(data[0]?.message).toContain('postern serve')
})

test('without a channel doctor warns, notices are listed, and a test says so', async () => {
  expect((await postern('migrate')).code).toBe(0)
  await json('service-users', 'create', 'bot', '--owner', 'team@example.com')
  const { stdout, code } = await postern('doctor')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ok +database +answers/m)
  expect(stdout).toMatch(/^warning +notices +go nowhere.* set notices\.email/m)
  expect((await postern('notices', 'list')).stdout).toContain('No notices.')

  const { id } = await json<{ id: string }>('keys', 'create', '--service-user', 'bot')
  const { data } = await json<{ data: { id: string; kind: string; keyId: string; deliveries: unknown[] }[] }>(
    'notices',
    'list',
    '--unacknowledged',
  )
  expect(data).toMatchObject([{ kind: 'key-created', keyId: id, deliveries: [] }])

  const refused = await postern('notices', 'test')
  expect([refused.code, refused.stderr]).toEqual([
    1,
    'postern: no channel is set: name one under notices in the settings (no_channel)\n',
  ])

  const acknowledged = await postern('notices', 'ack', data[0]?.id ?? '')
  expect(acknowledged.stdout).toBe('Acknowledged: Service key created: bot\n')
  expect((await json<{ data: unknown[] }>('notices', 'list', '--unacknowledged')).data).toEqual([])
})

test('an id of nothing, or no id at all, is refused in one line that does not repeat it', async () => {
  const token = `pst_${'A'.repeat(49)}`
  const notThere = '0195a000-0000-7000-8000-00000000000d'
  for (const argument of [token, notThere, 'x']) {
    // oxlint-disable-next-line no-await-in-loop
    const { code, stderr } = await postern('notices', 'ack', argument)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^postern: [^\n]+\(not_found\)\n$/)
    expect(stderr).not.toContain('AAAA')
  }
  expect((await postern('notices', 'test', '--email', 'a@x, b@y')).stderr).toContain('(address_invalid)')
  expect((await postern('notices', 'ack')).code).toBe(2)
})

test('through a running server: tick, test, list and doctor, with no secret in any of them', async () => {
  settings({
    webhooks: [
      { name: 'ops', url: `${receiver.url}c4nary`, secrets: [secret] },
      { name: 'gone', url: `${gone.url}c4nary`, secrets: [secret] },
    ],
    slack: { url: 'https://10.0.0.1/services/c4nary' },
    allowAddresses: ['127.0.0.0/8'],
  })
  const server = start(['serve', '--demo', '--json'], {
    cwd,
    env: { POSTERN_PORT: '0', POSTERN_ADMIN_PORT: '0' },
  })
  let output = ''
  try {
    await linesOf(server)()
    server.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const pass = await json<Record<string, unknown>>('tick')
    expect(pass).toMatchObject({ isOver: true })
    await expect.poll(() => receiver.received.length).toBeGreaterThan(0)

    const tested = await postern('notices', 'test')
    expect(tested.code).toBe(1)
    expect(tested.stdout).toMatch(/^webhook +ops +delivered/m)
    expect(tested.stdout).toMatch(/^webhook +gone +dead +status 410/m)
    expect(tested.stdout).toMatch(/^slack +slack +waiting +address_refused/m)
    expect(tested.stderr).toContain('2 of 3 have not arrived so far (not_delivered)')
    expect(receiver.received.some(({ body }) => body.includes('"type":"test"'))).toBe(true)

    const list = await postern('notices', 'list')
    const doctor = await postern('doctor')
    expect(list.stdout).toContain(
      'slack waiting: address_refused, webhook gone dead: status 410, webhook ops ✓',
    )
    expect(doctor.stdout).toMatch(/^ok +database +answers, through the running server/m)
    expect(doctor.stdout).toMatch(/^ok +notices +go to webhook ops, webhook gone, Slack/m)
    expect(doctor.stdout).toMatch(/^warning +deliveries +1 was given up on \(webhook: status 410\)/m)
    expect(doctor.code).toBe(0)
    for (const each of [tested, list, doctor]) output += each.stdout + each.stderr
    const bodies = receiver.received.map(({ body }) => body).join('\n')
    for (const text of ['c4nary', secret])
      expect([output.includes(text), bodies.includes(text)]).toEqual([false, false])
  } finally {
    expect(await end(server, 'SIGTERM')).toBe(0)
  }
})
