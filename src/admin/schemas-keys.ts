import { z } from 'zod'
import { day, id, instant, paging, someText } from './schemas-common.ts'
import { changeSchema } from './schemas-changes.ts'
import { acknowledgementSchema } from './schemas-nodes.ts'

/** What the admin API takes and gives about service keys. */

export const keyStates = ['active', 'retiring', 'retired', 'expired', 'revoked', 'disabled'] as const

const callCount = z.number().describe('A whole number of calls')

const limitsSchema = z
  .object({
    rate: z.string().nullable().describe('Calls in a time, such as 60/m'),
    burst: callCount.nullable().describe('Calls beyond the rate, whole again after ten of its times'),
    tools: z
      .array(z.object({ tool: z.string(), rate: z.string(), burst: callCount.nullable() }))
      .describe('Rates of the tools that a pattern stands for, together'),
    concurrent: callCount.nullable().describe('Calls under way at once'),
    daily: callCount.nullable().describe('Calls in a day, UTC'),
    monthly: callCount.nullable().describe('Calls in a month, UTC'),
  })
  .describe('How much it may be used; null: not limited, unless all keys are')

const keyShape = {
  id,
  start: z.string().describe("The token's first characters, to recognise it by"),
  name: z.string(),
  serviceUserId: id,
  serviceUser: z.string().describe("The service user's name"),
  owner: z.string().nullable().describe("The service user's owner"),
  backupOwner: z.string().nullable(),
  customer: z.string().nullable(),
  state: z.enum(keyStates),
  createdBy: z.string(),
  createdAt: instant,
  expiresAt: instant,
  retiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
  revokedReason: z.string().nullable(),
  predecessorId: id.nullable(),
  tools: z
    .array(z.string())
    .describe(
      'Patterns of the tools that it may call, such as forecast_* or !delete_*; none: all tools, unless the policy denies by default',
    ),
  addresses: z.array(z.string()).describe('CIDR blocks from which it may be used; none: from anywhere'),
  limits: limitsSchema,
  selfRotate: z.boolean().describe('Whether it may rotate itself, with its own token'),
  mintedBy: id.nullable().describe('The key that made it by rotating itself'),
  familyEndsAt: instant.nullable().describe('The end of all that may come of it by rotating itself'),
  lastUsedAt: instant.nullable(),
}

export const keySchema = z.object(keyShape).meta({ id: 'Key' })

const activityShape = {
  version: z.int().describe('What If-Match takes, in quotes'),
  calls30d: z.int().describe('Calls in the last 30 days, refused ones too'),
  refused30d: z.int(),
  days: z
    .array(z.object({ day, calls: z.int(), refused: z.int() }))
    .describe('The last 30 days, oldest first, today last; each day is there'),
}

export const listedKeySchema = z.object({ ...keyShape, ...activityShape }).meta({ id: 'ListedKey' })

export const shownKeySchema = z
  .object({
    ...keyShape,
    ...activityShape,
    history: z.array(changeSchema).describe('What was done to it, newest first'),
  })
  .meta({ id: 'ShownKey' })

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

const expires = someText
  .optional()
  .describe('A duration (180d), an RFC 3339 instant, or a date: the end of that day, UTC')

const patterns = z.array(someText).max(200)

const askedCount = callCount.nullish()
const askedLimits = z
  .strictObject({
    rate: someText.nullish(),
    burst: askedCount,
    tools: z
      .array(z.strictObject({ tool: someText, rate: someText, burst: askedCount }))
      .max(200)
      .optional(),
    concurrent: askedCount,
    daily: askedCount,
    monthly: askedCount,
  })
  .optional()

export const newKey = z.strictObject({
  serviceUser: someText.describe('Id or name'),
  name: someText.optional().describe('A label; without one, the name of the service user'),
  expires,
  tools: patterns.optional(),
  addresses: patterns.optional(),
  limits: askedLimits,
  selfRotate: z.literal(true).optional().describe('It may rotate itself, with its own token'),
})

export const keyEdit = z
  .strictObject({
    name: someText.optional(),
    tools: patterns.optional().describe('All of its patterns; an empty list takes the limit away'),
    addresses: patterns.optional().describe('All of its blocks; an empty list takes the limit away'),
    limits: askedLimits.describe('All of its limits; an empty object takes them away'),
  })
  .describe('What is left out stays as it is')

export const revokedKeySchema = z
  .object({
    ...keyShape,
    acknowledgement: acknowledgementSchema.optional().describe('Where it was waited for'),
  })
  .meta({ id: 'RevokedKey' })

export const revocation = z.strictObject({ reason: someText })

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

export const keySorts = ['created', 'name', 'expires', 'last-used', 'calls'] as const

const duration = z.string().max(20).optional()

export const keyQuery = z.strictObject({
  search: someText.optional().describe("A part of the name, the service user's name, or the token's start"),
  owner: someText.optional().describe("The owner's e-mail address"),
  customer: someText.optional(),
  serviceUser: someText.optional().describe('Id or name'),
  state: z
    .union([z.enum(keyStates), z.array(z.enum(keyStates)).max(keyStates.length)])
    .optional()
    .describe('Any of these; repeat it for several'),
  tool: someText.optional().describe('Keys that called this tool in the last 30 days'),
  expiringWithin: duration.describe('Keys that end within this duration, such as 14d'),
  unusedFor: duration.describe('Living keys that were not used for this duration, such as 90d'),
  sort: z.enum(keySorts).optional().describe('created unless given'),
  direction: z.enum(['ascending', 'descending']).optional().describe('descending unless given'),
  ...paging,
})

export type KeyStateJson = (typeof keyStates)[number]
export type KeySort = (typeof keySorts)[number]
export type RevokedKeyJson = z.infer<typeof revokedKeySchema>
export type LimitsJson = z.infer<typeof limitsSchema>
export type KeyJson = z.infer<typeof keySchema>
export type ListedKeyJson = z.infer<typeof listedKeySchema>
export type ShownKeyJson = z.infer<typeof shownKeySchema>
export type IssuedKeyJson = z.infer<typeof issuedKeySchema>
export type RotatedKeyJson = z.infer<typeof rotatedKeySchema>
export type RotationJson = z.infer<typeof rotationSchema>
export type NewKey = z.infer<typeof newKey>
export type KeyEdit = z.infer<typeof keyEdit>
export type NewRotation = z.infer<typeof newRotation>
