import { z } from 'zod'

/** What all of the admin API's forms are made of. Instants are RFC 3339 strings. */

export const instant = z.iso.datetime({ offset: true })
export const id = z.uuid()
export const day = z.iso.date().describe('A day in UTC')

/** Long enough for anything right, so that what is refused by its content is refused by the room behind. */
export const someText = z.string().max(2000)

/** A moment in a query. */
export const moment = z.string().max(40).optional()

export const paging = {
  cursor: z.string().max(400).optional().describe('nextCursor of the page before'),
  limit: z.coerce.number().int().min(1).max(200).optional().describe('50 unless given'),
}

export const nothingMore = z.strictObject({})

/** RFC 9457 problem details, with a stable `code` and, where there is one, the field that it is about. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string().describe("The HTTP status's phrase"),
    status: z.int(),
    code: z.string().describe('Stable: programs go by it'),
    detail: z.string().describe('One sentence for people'),
    field: z.string().optional().describe('The field, header or parameter that was refused'),
    successorId: z.string().optional().describe('Of `already_rotated`: what the key was rotated into'),
    place: z
      .object({ index: z.int(), position: z.int() })
      .optional()
      .describe('Where in a list the fault is: which entry, and which of its characters, both from 0'),
    version: z.int().optional().describe('Of `version_changed`: the version that is current'),
  })
  .meta({ id: 'Problem' })

export type Problem = z.infer<typeof problemSchema>

export interface PageJson<T> {
  data: T[]
  nextCursor: string | null
}

/** A page of a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), nextCursor: z.string().nullable() })
}
