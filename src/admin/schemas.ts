import { z } from 'zod'
import { outcomes } from '../domain/call.ts'

/** What the admin API takes and gives. Instants are RFC 3339 strings. */

const instant = z.iso.datetime({ offset: true })
const id = z.uuid()
/** Long enough for anything right, so that what is refused by its content is refused by the keys room. */
const someText = z.string().max(2000)

export const serviceUserSchema = z
  .object({
    id,
    name: z.string(),
    owner: z.string().describe('The e-mail address of who answers for it'),
    customer: z.string().nullable(),
    createdBy: z.string(),
    createdAt: instant,
    disabledAt: instant.nullable(),
  })
  .meta({ id: 'ServiceUser' })

const keyShape = {
  id,
  start: z.string().describe("The token's first characters, to recognise it by"),
  name: z.string(),
  serviceUserId: id,
  serviceUser: z.string().describe("The service user's name"),
  state: z.enum(['active', 'retiring', 'retired', 'expired', 'revoked', 'disabled']),
  createdBy: z.string(),
  createdAt: instant,
  expiresAt: instant,
  retiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
  revokedReason: z.string().nullable(),
  predecessorId: id.nullable(),
  lastUsedAt: instant.nullable(),
}

export const keySchema = z.object(keyShape).meta({ id: 'Key' })

export const issuedKeySchema = z
  .object({ ...keyShape, token: z.string().describe('The secret: shown in this answer and never again') })
  .meta({ id: 'IssuedKey' })

export const keyWithHistorySchema = z
  .object({
    ...keyShape,
    history: z
      .array(
        z.object({
          epoch: z.int(),
          what: z.enum(['created', 'revoked']),
          actor: z.string(),
          reason: z.string().nullable(),
          at: instant,
        }),
      )
      .describe('What administrators did to it, newest first'),
  })
  .meta({ id: 'KeyWithHistory' })

export const callSchema = z
  .object({
    id,
    writer: z.string(),
    boot: z.string(),
    sequence: z.int(),
    at: instant.describe('When the request arrived'),
    recordedAt: instant.describe('When the database took the row'),
    requestId: z.string(),
    credentialKind: z.enum(['session', 'jwt', 'service-key']).nullable(),
    keyId: id.nullable(),
    serviceUserId: id.nullable(),
    httpMethod: z.string().nullable(),
    path: z.string().nullable(),
    method: z.string().nullable().describe('The JSON-RPC method'),
    tool: z.string().nullable(),
    outcome: z.enum(outcomes),
    reason: z.string().nullable(),
    status: z.int().nullable(),
    durationMs: z.number().nullable(),
    clientAddress: z.string().nullable(),
    userAgent: z.string().nullable(),
    count: z.int().describe('How many like denials the row stands for'),
    lastAt: instant,
  })
  .meta({ id: 'Call' })

export type ServiceUserJson = z.infer<typeof serviceUserSchema>
export type KeyJson = z.infer<typeof keySchema>
export type IssuedKeyJson = z.infer<typeof issuedKeySchema>
export type KeyWithHistoryJson = z.infer<typeof keyWithHistorySchema>
export type CallJson = z.infer<typeof callSchema>

export interface PageJson<T> {
  data: T[]
  nextCursor: string | null
}

/** A page of a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), nextCursor: z.string().nullable() })
}

export const newServiceUser = z.strictObject({
  name: someText,
  owner: someText,
  customer: someText.optional(),
})

export const newKey = z.strictObject({
  serviceUser: someText.describe('Id or name'),
  name: someText.optional().describe('A label; without one, the name of the service user'),
  expires: someText
    .optional()
    .describe('A duration (180d), an RFC 3339 instant, or a date: the end of that day, UTC'),
})

export const revocation = z.strictObject({ reason: someText })

const paging = {
  cursor: z.string().max(200).optional().describe('nextCursor of the page before'),
  limit: z.coerce.number().int().min(1).max(200).optional().describe('50 unless given'),
}

export const serviceUserQuery = z.strictObject(paging)

export const keyQuery = z.strictObject({ serviceUser: someText.optional().describe('Id or name'), ...paging })

const moment = z.string().max(40).optional()

export const auditQuery = z.strictObject({
  key: id.optional(),
  serviceUser: someText.optional().describe('Id or name'),
  tool: someText.optional(),
  outcome: z.enum(outcomes).optional(),
  from: moment.describe('An RFC 3339 instant, or a date: its start, UTC'),
  to: moment.describe('Calls before this RFC 3339 instant, or a date: its end, UTC'),
  recordedFrom: moment.describe('Rows that the database took at or after this RFC 3339 instant'),
  ...paging,
})
