import { z } from 'zod'
import { outcomes } from '../domain/call.ts'
import { changeKinds } from '../domain/key-store.ts'

/** What the admin API takes and gives. Instants are RFC 3339 strings. */

const instant = z.iso.datetime({ offset: true })
const id = z.uuid()
/** Long enough for anything right, so that what is refused by its content is refused by the keys room. */
const someText = z.string().max(2000)

export const serviceUserSchema = z
  .object({
    id,
    name: z.string(),
    owner: z
      .string()
      .nullable()
      .describe('The e-mail address of who answers for it; null only where the policy asks for none'),
    backupOwner: z
      .string()
      .nullable()
      .describe('Who is told as well, once earlier notices were not acknowledged'),
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
  selfRotate: z.boolean().describe('Whether it may rotate itself, with its own token'),
  mintedBy: id.nullable().describe('The key that made it by rotating itself'),
  familyEndsAt: instant.nullable().describe('The end of all that may come of it by rotating itself'),
  lastUsedAt: instant.nullable(),
}

export const keySchema = z.object(keyShape).meta({ id: 'Key' })

const issuedShape = {
  ...keyShape,
  token: z
    .string()
    .nullable()
    .describe(
      'The secret: shown in this answer and never again; null where the request repeats one with the same Idempotency-Key',
    ),
}

export const issuedKeySchema = z.object(issuedShape).meta({ id: 'IssuedKey' })

export const rotatedKeySchema = z
  .object({
    ...issuedShape,
    predecessor: keySchema.describe('The key that was rotated: `retiresAt` is its end'),
  })
  .meta({ id: 'RotatedKey' })

const usage = z.object({
  calls: z.int().describe('Calls since usageSince, denials not counted'),
  lastUsedAt: instant.nullable(),
  lastAddress: z.string().nullable(),
  lastClient: z.string().nullable().describe('The user agent of the last call'),
  tools: z.array(z.object({ tool: z.string(), calls: z.int() })).describe('Most called first, at most 20'),
})

export const rotationSchema = z
  .object({
    predecessor: keySchema,
    successor: keySchema.nullable().describe('Null where it is revoked'),
    endsAt: instant.describe('When the predecessor ends'),
    usageSince: instant,
    usage: z.object({ predecessor: usage, successor: usage.nullable() }),
    safeToEnd: z.boolean().describe('Nobody has called with the predecessor since usageSince'),
  })
  .meta({ id: 'Rotation' })

export const keyWithHistorySchema = z
  .object({
    ...keyShape,
    history: z
      .array(
        z.object({
          epoch: z.int(),
          what: z.enum(changeKinds),
          actor: z.string(),
          reason: z.string().nullable(),
          at: instant,
        }),
      )
      .describe('What was done to it, newest first'),
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
    principal: z.string().nullable().describe('Who called: service:<id>, user:<id> or workload:<id>'),
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
export type RotatedKeyJson = z.infer<typeof rotatedKeySchema>
export type RotationJson = z.infer<typeof rotationSchema>
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
  owner: someText.optional().describe('Required unless policy.requireOwner is false'),
  backupOwner: someText.optional(),
  customer: someText.optional(),
})

const expires = someText
  .optional()
  .describe('A duration (180d), an RFC 3339 instant, or a date: the end of that day, UTC')

export const newKey = z.strictObject({
  serviceUser: someText.describe('Id or name'),
  name: someText.optional().describe('A label; without one, the name of the service user'),
  expires,
  selfRotate: z.literal(true).optional().describe('It may rotate itself, with its own token'),
})

export const revocation = z.strictObject({ reason: someText })
export const disabling = z.strictObject({ reason: someText })
export const enabling = z.strictObject({ reason: someText.optional() })

export const newRotation = z.strictObject({
  overlap: someText
    .optional()
    .describe('How long both keys work: a duration such as 7d, or 0 for a leak; else what the policy says'),
  expires,
})

export const extension = z
  .strictObject({
    until: someText.optional().describe('An RFC 3339 instant, or a date: the end of that day, UTC'),
    for: someText.optional().describe('A duration from now, such as 7d'),
  })
  .describe('Exactly one of them')

export const nothingMore = z.strictObject({})

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
