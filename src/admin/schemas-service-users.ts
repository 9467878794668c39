import { z } from 'zod'
import { id, instant, paging, someText } from './schemas-common.ts'
import { acknowledgementSchema } from './schemas-nodes.ts'

/** What the admin API takes and gives about service users. */

export const serviceUserSchema = z
  .object({
    id,
    version: z.int().describe('What If-Match takes, in quotes'),
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

export type ServiceUserJson = z.infer<typeof serviceUserSchema>

export const newServiceUser = z.strictObject({
  name: someText,
  owner: someText.optional().describe('Required unless policy.requireOwner is false'),
  backupOwner: someText.optional(),
  customer: someText.optional(),
})

export const serviceUserEdit = z
  .strictObject({
    name: someText.optional(),
    owner: someText.nullable().optional().describe('null takes it away, where the policy asks for none'),
    backupOwner: someText.nullable().optional(),
    customer: someText.nullable().optional(),
  })
  .describe('What is left out stays as it is')

export const disabledServiceUserSchema = serviceUserSchema
  .extend({ acknowledgement: acknowledgementSchema.optional().describe('Where it was waited for') })
  .meta({ id: 'DisabledServiceUser' })

export const disabling = z.strictObject({ reason: someText })
export const enabling = z.strictObject({ reason: someText.optional() })

export const serviceUserQuery = z.strictObject(paging)

export type DisabledServiceUserJson = z.infer<typeof disabledServiceUserSchema>
export type NewServiceUser = z.infer<typeof newServiceUser>
export type ServiceUserEdit = z.infer<typeof serviceUserEdit>
