import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Store } from '../../src/domain/ports.ts'
import type { NoticeWithDeliveries } from '../../src/domain/notice-store.ts'
import { createKeys, type Keys } from '../../src/keys/keys.ts'
import { createNotices, type Notices, type NoticesParts } from '../../src/notices/notices.ts'
import { openPostgres } from '../../src/store/store.ts'
import type { PostgresServer } from '../store/postgres-server.ts'
import { createFakeClock, type FakeClock } from '../verify/fake-clock.ts'

export const day = 86_400_000

const policy = {
  defaultLifeMs: 180 * day,
  maxLifeMs: 3650 * day,
  overlapMs: 7 * day,
  maxOverlapMs: 30 * day,
  maxFamilyLifeMs: 3650 * day,
  keysPerServiceUser: 1000,
  requireOwner: false,
}

/** Several nodes on one database of a real Postgres, with one clock. */
export interface Stage {
  url: string
  clock: FakeClock
  store: Store
  keys: Keys
  logged: string[]
  /** Another node: a store and a worker of its own. */
  node(parts?: Partial<NoticesParts>): { store: Store; notices: Notices }
  /** All notices there are, newest first. */
  all(): Promise<NoticeWithDeliveries[]>
  close(): Promise<void>
}

export async function createStage(server: PostgresServer, startMs?: number): Promise<Stage> {
  const url = await server.createDatabase()
  const clock = createFakeClock(startMs)
  const open = (): Store => openPostgres({ connectionString: url, schema: 'postern' })
  const store = open()
  await store.migrate()
  const stores = [store]
  const logged: string[] = []
  const log = {
    info: (_: object, message: string) => logged.push(message),
    warn: (fields: object, message: string) => logged.push(`${message} ${JSON.stringify(fields)}`),
    error: (fields: object, message: string) => logged.push(`${message} ${JSON.stringify(fields)}`),
  }
  return {
    url,
    clock,
    store,
    logged,
    keys: createKeys({ store: store.keys, trail: store.trail, clock, policy, prefixes: ['pst'] }),
    node(parts = {}) {
      const own = open()
      stores.push(own)
      return {
        store: own,
        notices: createNotices({
          store: own.notices,
          clock,
          senders: [],
          log,
          idempotencyKeysLiveMs: 30 * day,
          ...parts,
        }),
      }
    },
    async all() {
      const found: NoticeWithDeliveries[] = []
      let cursor: string | undefined
      do {
        // oxlint-disable-next-line no-await-in-loop
        const page = await store.notices.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) })
        found.push(...page.data)
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      return found
    },
    async close() {
      await Promise.all(stores.map((each) => each.close()))
    },
  }
}

export interface Receiver {
  url: string
  received: { headers: IncomingHttpHeaders; body: string }[]
  close(): void
}

/** A webhook's other side on the loopback. `answer` says with which status; null: never. */
export async function startReceiver(answer: (count: number) => number | null = () => 200): Promise<Receiver> {
  const received: Receiver['received'] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      const status = answer(received.length)
      if (status !== null) response.writeHead(status).end()
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
