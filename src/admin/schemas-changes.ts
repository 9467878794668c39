import { z } from 'zod'
import { changeKinds } from '../domain/key-store.ts'
import { id, instant } from './schemas-common.ts'

/** What the admin API gives about what was done to service users and keys, and by whom. */

export const changeSchema = z
  .object({
    epoch: z.int(),
    what: z.enum(changeKinds),
    actor: z.string(),
    reason: z.string().nullable(),
    at: instant,
  })
  .meta({ id: 'Change' })

export type ChangeJson = z.infer<typeof changeSchema>

export const changesQuery = z.strictObject({
  subject: id.describe('The id of a service user or a service key'),
})
