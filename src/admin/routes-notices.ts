import type { Delivery, NoticeWithDeliveries } from '../domain/notice-store.ts'
import { isMailAddress } from '../domain/mail-address.ts'
import type { Notices } from '../notices/notices.ts'
import { wordingOf } from '../notices/wording.ts'
import { describe } from './describe.ts'
import type { AdminApi } from './guard.ts'
import { instant, instantOrNull, pageJson } from './json.ts'
import { RequestRefused } from './problem.ts'
import * as schemas from './schemas-notices.ts'
import { nothingMore, pageOf } from './schemas-common.ts'
import { body, jsonOnly, paging, query } from './valid.ts'

/** A client waits for no more than 20 seconds. */
const patienceMs = 15_000

/** The routes about notices, and the one that lets the worker pass by now. */
export function noticeRoutes(api: AdminApi, worker: Pick<Notices, 'sendTest' | 'tick'>): void {
  api.get(
    '/notices',
    describe({
      summary: 'List notices and their deliveries, newest first',
      needs: 'read',
      status: 200,
      answer: pageOf(schemas.noticeSchema),
      refusals: [400, 404],
    }),
    query(schemas.noticeQuery),
    async (c) => {
      const { key, serviceUser, unacknowledged, ...rest } = c.req.valid('query')
      const filter: Parameters<Notices['list']>[0] = paging(rest)
      if (key !== undefined) filter.keyId = key.toLowerCase()
      if (serviceUser !== undefined)
        filter.serviceUserId = (await c.get('rooms').keys.findServiceUser(serviceUser)).id
      if (unacknowledged === 'true') filter.unacknowledged = true
      return c.json(pageJson(await c.get('rooms').notices.list(filter), noticeJson))
    },
  )

  api.post(
    '/notices/test',
    describe({
      summary: 'Send a notice over every channel that is set, to see whether it arrives',
      needs: 'administer',
      status: 201,
      answer: schemas.noticeSchema,
      refusals: [400, 413, 415],
    }),
    jsonOnly,
    body(schemas.noticeTest),
    async (c) => {
      const { email = null } = c.req.valid('json')
      if (email !== null && !isMailAddress(email))
        throw new RequestRefused(
          400,
          'address_invalid',
          'email must be one e-mail address, such as team@example.com',
          'email',
        )
      return c.json(noticeJson(await worker.sendTest(email, c.get('access').actor)), 201)
    },
  )

  api.post(
    '/notices/:id/acknowledge',
    describe({
      summary: 'Acknowledge a notice: later ones like it need not reach the backup owner',
      needs: 'change',
      status: 200,
      answer: schemas.noticeSchema,
      refusals: [400, 404, 413, 415],
    }),
    jsonOnly,
    body(nothingMore),
    async (c) => {
      const found = await c
        .get('rooms')
        .notices.acknowledge(c.req.param('id').toLowerCase(), c.get('access').actor)
      if (found === null) throw new RequestRefused(404, 'not_found', 'no notice has this id')
      return c.json(noticeJson(found))
    },
  )

  api.post(
    '/tick',
    describe({
      summary: 'Let the worker pass by now: look for what is due, and deliver it',
      needs: 'administer',
      status: 200,
      answer: schemas.passSchema,
      refusals: [400, 413, 415],
    }),
    jsonOnly,
    body(nothingMore),
    async (c) => c.json(await worker.tick(patienceMs)),
  )
}

/** Field by field, so that nothing new slips out unnoticed. */
function noticeJson({ notice, deliveries }: NoticeWithDeliveries): schemas.NoticeJson {
  const { subject, next } = wordingOf(notice)
  return {
    id: notice.id,
    kind: notice.kind,
    keyId: notice.keyId,
    serviceUserId: notice.serviceUserId,
    serviceUser: notice.kind === 'test' ? null : (notice.facts?.serviceUser ?? null),
    keyName: notice.kind === 'test' ? null : (notice.facts?.keyName ?? null),
    keyStart: notice.kind === 'test' ? null : (notice.facts?.keyStart ?? null),
    subject,
    next,
    createdAt: instant(notice.createdAt),
    acknowledgedAt: instantOrNull(notice.acknowledgedAt),
    acknowledgedBy: notice.acknowledgedBy,
    deliveries: deliveries.map(deliveryJson),
  }
}

function deliveryJson(delivery: Delivery): schemas.NoticeJson['deliveries'][number] {
  return {
    id: delivery.id,
    channel: delivery.channel,
    recipient: delivery.recipient,
    state: delivery.state,
    attempts: delivery.attempts,
    dueAt: delivery.state === 'waiting' ? instant(delivery.dueAt) : null,
    settledAt: instantOrNull(delivery.settledAt),
    lastFailure: delivery.lastFailure,
  }
}
