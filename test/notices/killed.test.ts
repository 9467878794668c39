import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { expect, test, vi } from 'vitest'
import { createWebhookSender } from '../../src/notices/webhook.ts'
import { createOutbound } from '../../src/outbound/outbound.ts'
import { startPostgres } from '../store/postgres-server.ts'
import { createStage, startReceiver } from './stage.ts'

vi.setConfig({ testTimeout: 120_000 })

const root = join(import.meta.dirname, '../..')
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

test('a worker that is killed in the middle of a delivery: another delivers it again, under the same id', async () => {
  if (!existsSync(join(root, 'dist/notices/notices.js')))
    throw new Error('dist/ is missing: run `npm run build` first')
  const server = await startPostgres()
  // The library's verifier takes no time but the real one.
  const stage = await createStage(server, Date.now())
  // The first attempt arrives, and its answer never comes.
  const receiver = await startReceiver((count) => (count === 1 ? null : 200))
  try {
    await stage.keys.createServiceUser({ name: 'bot', owner: 'o@example.com' }, 'ann')
    await stage.keys.issue({ serviceUser: 'bot' }, 'ann')

    const script = join(import.meta.dirname, 'children/deliver.mjs')
    const args = [script, stage.url, receiver.url, secret, String(stage.clock.now())]
    const child = spawn(process.execPath, args, { stdio: 'inherit' })
    const ended = once(child, 'exit')
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), 20_000)
    child.kill('SIGKILL')
    await ended

    const send = createOutbound({ allowAddresses: ['127.0.0.0/8'] })
    const endpoints = [{ name: 'ops', url: receiver.url, secrets: [secret] }]
    const { notices } = stage.node({
      senders: [createWebhookSender(endpoints, { send, clock: stage.clock })],
    })
    // The claim still stands: nobody knows that its holder is dead.
    stage.clock.advance(59_000)
    expect(await notices.tick()).toMatchObject({ delivered: 0, failed: 0 })
    expect((await stage.all())[0]?.deliveries).toMatchObject([{ state: 'waiting', attempts: 1 }])
    stage.clock.advance(1_000)
    expect(await notices.tick()).toMatchObject({ delivered: 1, failed: 0 })

    const [first, second, ...others] = receiver.received
    expect(others).toEqual([])
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    for (const each of [first, second]) {
      if (each === undefined) throw new Error('it did not arrive')
      expect(() =>
        new Webhook(secret).verify(each.body, each.headers as Record<string, string>),
      ).not.toThrow()
    }
    expect((await stage.all())[0]?.deliveries).toMatchObject([{ state: 'delivered', attempts: 2 }])
  } finally {
    receiver.close()
    await stage.close()
    await server.stop()
  }
})
