import { z } from 'zod'
import { instant } from './schemas-common.ts'

/** What the admin API gives about how the trail stands, and takes for the export for verification. */

export const upkeepSchema = z
  .object({
    partitions: z
      .object({
        until: instant.nullable().describe('Until when calls have a partition of their own'),
        canChange: z.boolean().describe("Whether the server's role may make and drop partitions"),
        hasStrays: z.boolean().describe('Whether the default partition holds rows'),
      })
      .nullable()
      .describe('Null on the embedded database'),
    checkpoint: z
      .object({ number: z.int(), at: instant, keepsFrom: instant, key: z.string() })
      .nullable()
      .describe('The newest one'),
    checkpointKeys: z.array(z.string()).describe('Public keys (Ed25519, base64url): the first signs'),
    sinks: z.array(
      z.object({
        name: z.string(),
        batchesBehind: z.int(),
        oldestAt: instant.nullable().describe('When the oldest batch was recorded that has not arrived'),
        failingSince: instant.nullable().describe('On this node'),
      }),
    ),
  })
  .meta({ id: 'Upkeep' })

export type UpkeepJson = z.infer<typeof upkeepSchema>

export const sealedQuery = z.strictObject({
  after: z
    .string()
    .regex(/^[0-9]{1,15}$/, { error: 'must be the number of a checkpoint' })
    .optional()
    .describe('The number of the checkpoint to go on behind; 0: from the very first; absent: what is kept'),
})
