import { z } from 'zod'
import { noticeKinds } from '../domain/notice.ts'
import { id, instant, paging, someText } from './schemas-common.ts'

/** What the admin API takes and gives about notices. Instants are RFC 3339 strings. */

const deliverySchema = z.object({
  id,
  channel: z.enum(['email', 'webhook', 'slack']),
  recipient: z.string().describe("An address; for webhooks and Slack the endpoint's name in the settings"),
  state: z.enum(['waiting', 'delivered', 'dead']),
  attempts: z.int(),
  dueAt: instant.nullable().describe('When the next attempt may begin; null once it is settled'),
  settledAt: instant.nullable(),
  lastFailure: z.string().nullable(),
})

export const noticeSchema = z
  .object({
    id,
    kind: z.enum(noticeKinds),
    keyId: id.nullable(),
    serviceUserId: id.nullable(),
    serviceUser: z.string().nullable(),
    keyName: z.string().nullable(),
    keyStart: z.string().nullable(),
    subject: z.string().describe('What it says, in one line'),
    next: z.string().describe('What to do'),
    createdAt: instant,
    acknowledgedAt: instant.nullable(),
    acknowledgedBy: z.string().nullable(),
    deliveries: z.array(deliverySchema).describe('Empty until a worker has it, and where no channel is set'),
  })
  .meta({ id: 'Notice' })

export const passSchema = z
  .object({
    swept: z.int().describe('Keys looked at'),
    routed: z.int().describe('Notices given their recipients'),
    delivered: z.int(),
    failed: z.int().describe('Attempts that failed; they are repeated later'),
    isOver: z.boolean().describe('False: it goes on, and this is what it has done so far'),
  })
  .meta({ id: 'Pass' })

export type NoticeJson = z.infer<typeof noticeSchema>
export type PassJson = z.infer<typeof passSchema>

export const noticeQuery = z.strictObject({
  key: id.optional(),
  serviceUser: someText.optional().describe('Id or name'),
  unacknowledged: z.enum(['true', 'false']).optional().describe('Only those that nobody has acknowledged'),
  ...paging,
})

export const noticeTest = z.strictObject({
  email: someText.optional().describe("Where the e-mail goes; otherwise to the sender's address"),
})
