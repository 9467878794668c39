import { z } from 'zod'
import { id, instant, paging, someText } from './schemas-common.ts'

/** What the admin API takes and gives about management keys: they open this API and no gateway route. */

const managementKeyShape = {
  id,
  name: z.string(),
  start: z.string().describe("The token's first characters, to recognise it by"),
  role: z.enum(['admin', 'auditor']),
  state: z.enum(['active', 'expired', 'revoked']),
  createdBy: z.string(),
  createdAt: instant,
  expiresAt: instant,
  revokedAt: instant.nullable(),
  lastUsedAt: instant.nullable().describe('To the hour'),
}

export const managementKeySchema = z.object(managementKeyShape).meta({ id: 'ManagementKey' })

export const issuedManagementKeySchema = z
  .object({
    ...managementKeyShape,
    token: z.string().describe('The secret: shown in this answer and never again'),
  })
  .meta({ id: 'IssuedManagementKey' })

export const newManagementKey = z.strictObject({
  name: someText,
  role: z.enum(['admin', 'auditor']),
  expires: someText
    .optional()
    .describe('A duration (180d), an RFC 3339 instant, or a date: the end of that day, UTC'),
})

export const managementKeyQuery = z.strictObject(paging)

export type ManagementKeyJson = z.infer<typeof managementKeySchema>
export type IssuedManagementKeyJson = z.infer<typeof issuedManagementKeySchema>
export type NewManagementKey = z.infer<typeof newManagementKey>
