import { z } from 'zod'
import { outcomes } from '../domain/call.ts'
import { refusals, type Reason } from '../domain/verdict.ts'
import { id, instant, moment, paging, someText } from './schemas-common.ts'

/** What the admin API takes and gives about the trail. */

export const callSchema = z
  .object({
    id,
    writer: z.string(),
    boot: z.string(),
    sequence: z.int(),
    at: instant.describe('When the request arrived'),
    recordedAt: instant.describe('When the database took the row'),
    requestId: z.string(),
    traceId: z.string().nullable().describe('The W3C trace that the call says it belongs to: 32 hex digits'),
    credentialKind: z.enum(['session', 'jwt', 'service-key']).nullable(),
    keyId: id.nullable(),
    serviceUserId: id.nullable(),
    principal: z.string().nullable().describe('Who called: service:<id>, user:<id> or workload:<id>'),
    grantsDigest: z.string().nullable().describe('Of the grants that the call was judged by'),
    httpMethod: z.string().nullable(),
    path: z.string().nullable(),
    method: z.string().nullable().describe('The JSON-RPC method'),
    tool: z.string().nullable(),
    outcome: z.enum(outcomes),
    reason: z.string().nullable(),
    status: z.int().nullable(),
    rpcCode: z.int().nullable().describe("The JSON-RPC error's code, where the answer was one"),
    isToolError: z.boolean().nullable().describe('Whether the tool itself said that it failed'),
    argumentsHmac: z.string().nullable().describe('Of the arguments, where the settings ask for it'),
    durationMs: z.number().nullable(),
    clientAddress: z.string().nullable(),
    userAgent: z.string().nullable(),
    count: z.int().describe('How many like denials the row stands for'),
    lastAt: instant,
  })
  .meta({ id: 'Call' })

export type CallJson = z.infer<typeof callSchema>

const reasons = Object.keys(refusals) as Reason[]

const filters = {
  key: id.optional(),
  serviceUser: someText.optional().describe('Id or name'),
  tool: someText.optional(),
  outcome: z.enum(outcomes).optional(),
  reason: z.enum(reasons).optional(),
}

const times = {
  from: moment.describe('An RFC 3339 instant, or a date: its start, UTC'),
  to: moment.describe('Calls before this RFC 3339 instant, or a date: its end, UTC'),
}

export const auditQuery = z.strictObject({
  ...filters,
  ...times,
  recordedFrom: moment.describe('Rows that the database took at or after this RFC 3339 instant'),
  ...paging,
})

export const exportFormats = ['jsonl', 'csv'] as const

export const exportQuery = z.strictObject({
  format: z.enum(exportFormats),
  cursor: z
    .string()
    .max(200)
    .optional()
    .describe('Go on behind the row that it stands for: without headings'),
  ...filters,
  ...times,
})

export const liveQuery = z.strictObject(filters)
