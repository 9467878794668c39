import { beforeEach, describe, expect, test } from 'vitest'
import { createAdminApi } from '../../src/admin/api.ts'
import type { Rooms } from '../../src/admin/rooms.ts'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import type { Delivery, NoticeWithDeliveries } from '../../src/domain/notice-store.ts'
import type { Keys } from '../../src/keys/keys.ts'
import { KeysRefused } from '../../src/keys/refused.ts'
import type { Notices } from '../../src/notices/notices.ts'
import { noticeOf } from '../notices/facts.ts'
import { deployment, socket } from './admin-world.ts'

const notice = noticeOf()
const delivery: Delivery = {
  id: '0195a000-0000-7000-8000-00000000000d',
  noticeId: notice.id,
  channel: 'webhook',
  recipient: 'ops',
  state: 'waiting',
  attempts: 2,
  dueAt: notice.createdAt + 1000,
  settledAt: null,
  lastFailure: 'status 500',
}
const found: NoticeWithDeliveries = { notice, deliveries: [delivery] }

let asked: unknown[] = []
let broken: Error | null = null
beforeEach(() => {
  asked = []
  broken = null
})

function answering<T>(name: string, answer: T) {
  return (...args: unknown[]): Promise<T> => {
    asked.push([name, ...args])
    return broken === null ? Promise.resolve(answer) : Promise.reject(broken)
  }
}

const notices = {
  list: answering('list', { data: [found], nextCursor: 'next' }),
  sendTest: answering('sendTest', found),
  acknowledge: (id: string, actor: string) =>
    answering('acknowledge', id === notice.id ? found : null)(id, actor),
  tick: answering('tick', { swept: 1, routed: 2, delivered: 3, failed: 4, isOver: true }),
} as Pick<Notices, 'list' | 'sendTest' | 'acknowledge' | 'tick'> as Notices

const keys = {
  findServiceUser: (name: string) =>
    name === 'bot'
      ? Promise.resolve({ id: 'the id of bot' })
      : Promise.reject(new KeysRefused('not_found', 'serviceUser', 'no service user has this name or id')),
} as unknown as Keys

const api = createAdminApi({
  rooms: { keys, notices } as unknown as Rooms,
  worker: notices,
  accessOf: async () => ({ ...socket, actor: 'local:ann' }),
  signInMaxAgeMs: 0,
  clock: { now: () => 0 },
  managementKeys: {} as never,
  nodes: {} as never,
  upkeep: undefined as never,
  knownTools: async () => [],
  deployment,
  onFailure: () => {},
})

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) }
  const headers = { 'content-type': 'application/json' }
  const answer = await api(
    new Request(`http://postern/admin/api-keys/api/v1${path}`, { method, headers, ...init }),
  )
  return { status: answer.status, body: await answer.json() }
}

test('a notice is given with what it says, what to do and what became of it', async () => {
  const { status, body } = await call('GET', '/notices')
  expect([status, body]).toEqual([
    200,
    {
      data: [
        {
          id: notice.id,
          kind: 'key-expiring',
          keyId: notice.keyId,
          serviceUserId: notice.serviceUserId,
          serviceUser: 'reporter',
          keyName: 'nightly',
          keyStart: 'pst_Ab3d',
          subject: 'Service key expires within 7 days: reporter',
          next: expect.stringContaining('Rotate it') as string,
          createdAt: '2027-05-22T14:03:11.000Z',
          acknowledgedAt: null,
          acknowledgedBy: null,
          deliveries: [
            {
              id: delivery.id,
              channel: 'webhook',
              recipient: 'ops',
              state: 'waiting',
              attempts: 2,
              dueAt: '2027-05-22T14:03:12.000Z',
              settledAt: null,
              lastFailure: 'status 500',
            },
          ],
        },
      ],
      nextCursor: 'next',
    },
  ])
})

describe('what is asked for', () => {
  const id = '0195A000-0000-7000-8000-00000000000D'
  test.each<[string, string, unknown, unknown[]]>([
    ['GET', '/notices', undefined, ['list', { limit: 50 }]],
    [
      'GET',
      `/notices?key=${id}&serviceUser=bot&unacknowledged=true&limit=3&cursor=x`,
      undefined,
      [
        'list',
        {
          keyId: id.toLowerCase(),
          serviceUserId: 'the id of bot',
          unacknowledged: true,
          limit: 3,
          cursor: 'x',
        },
      ],
    ],
    ['GET', '/notices?unacknowledged=false', undefined, ['list', { limit: 50 }]],
    ['POST', '/notices/test', {}, ['sendTest', null, 'local:ann']],
    ['POST', '/notices/test', { email: 'a@example.com' }, ['sendTest', 'a@example.com', 'local:ann']],
    ['POST', `/notices/${notice.id}/acknowledge`, {}, ['acknowledge', notice.id, 'local:ann']],
    ['POST', '/tick', {}, ['tick', 15_000]],
  ])('%s %s', async (method, path, body, expected) => {
    expect((await call(method, path, body)).status).toBeLessThan(300)
    expect(asked).toEqual([expected])
  })
})

describe('what is refused', () => {
  test.each<[string, string, unknown, number, string]>([
    ['GET', '/notices?key=x', undefined, 400, 'field_invalid'],
    ['GET', '/notices?unacknowledged=yes', undefined, 400, 'field_invalid'],
    ['GET', '/notices?limit=0', undefined, 400, 'field_invalid'],
    ['GET', '/notices?state=dead', undefined, 400, 'field_unknown'],
    ['GET', '/notices?serviceUser=nobody', undefined, 404, 'not_found'],
    ['POST', '/notices/test', { email: 'a@example.com\r\nBcc: b@example.com' }, 400, 'address_invalid'],
    ['POST', '/notices/test', { email: '' }, 400, 'address_invalid'],
    ['POST', '/notices/test', { actor: 'someone else' }, 400, 'field_unknown'],
    ['POST', '/notices/0195a000-0000-7000-8000-000000000000/acknowledge', {}, 404, 'not_found'],
    ['POST', '/notices/x/acknowledge', { by: 'someone else' }, 400, 'field_unknown'],
    ['POST', '/tick', { at: 'tomorrow' }, 400, 'field_unknown'],
  ])('%s %s %j', async (method, path, body, status, code) => {
    expect(await call(method, path, body)).toMatchObject({ status, body: { code } })
  })

  test('a database that is away answers 503', async () => {
    broken = new StoreUnavailable("the database can't be reached")
    for (const [method, path] of [
      ['GET', '/notices'],
      ['POST', '/notices/test'],
      ['POST', '/tick'],
    ] as const)
      // oxlint-disable-next-line no-await-in-loop
      expect(await call(method, path, method === 'GET' ? undefined : {})).toMatchObject({
        status: 503,
        body: { code: 'store_unavailable' },
      })
  })
})
