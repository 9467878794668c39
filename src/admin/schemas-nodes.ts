import { z } from 'zod'
import { instant, someText } from './schemas-common.ts'

/** What the admin API gives about the nodes on a database. */

export const nodeSchema = z
  .object({
    id: z.string().describe('Stays with the data directory'),
    boot: z.string().describe('One run of it'),
    host: z.string(),
    version: z.string(),
    isLive: z.boolean().describe('Seen in the last 15 s'),
    seenMsAgo: z.number(),
    appliedEpoch: z.int().describe('The last change that it has applied; -1: none yet'),
    lagEpochs: z.int().describe('How many changes it has not applied'),
    leaseAgeMs: z.number().nullable().describe('When it was seen: since it sent its last successful poll'),
    clockOffsetMs: z.number().nullable().describe("How far the database's clock is ahead of its own"),
    refusing: z
      .enum(['epoch_went_back', 'history_differs', 'another_database'])
      .nullable()
      .describe('Why it accepts nothing until a restore is acknowledged'),
  })
  .meta({ id: 'Node' })

export const nodesSchema = z.object({
  epoch: z.int().describe('The last change'),
  data: z.array(nodeSchema),
  nextCursor: z.null(),
})

export const trailGapsSchema = z.object({
  data: z.array(
    z
      .object({
        writer: z.string(),
        boot: z.string(),
        first: z.int().describe('The first and the last number that no row has'),
        last: z.int(),
        after: instant.describe('When the call before them arrived'),
      })
      .meta({ id: 'TrailGap' }),
  ),
  nextCursor: z.null(),
})

/** What `?wait=true` adds to the answer. */
export const acknowledgementSchema = z
  .object({
    epoch: z.int().nullable().describe('What was waited for; null where the database did not tell'),
    tookMs: z.number().describe('From the commit of the change'),
    nodes: z.array(
      z.object({
        id: z.string(),
        host: z.string().nullable().describe('Null for owners'),
        standing: z
          .enum(['acknowledged', 'refusing', 'lease-ended'])
          .describe('`lease-ended`: it has not said so, and accepts nothing that it knew before'),
      }),
    ),
  })
  .meta({ id: 'Acknowledgement' })

export const waitQuery = z.strictObject({
  wait: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'Whether to answer only when no node accepts anything any more that this forbids: at most a second',
    ),
})

export const restoreAcknowledgement = z.strictObject({
  reason: someText.min(1),
  checkpoint: z
    .strictObject({ text: z.string(), signature: z.string(), key: z.string() })
    .optional()
    .describe('The newest exported checkpoint from before the restore'),
})

export const restoreAcknowledgedSchema = z
  .object({
    before: z.int().describe('The epoch that the database had'),
    epoch: z.int().describe('The epoch that it has now'),
    highestApplied: z.int().describe('The highest that any node says it had applied'),
    lostChanges: z.int().describe('How many changes are known to be lost: to make again, if they still hold'),
    checkpoint: z
      .object({
        number: z.int(),
        at: instant,
        epoch: z.int(),
        key: z.string().describe('By whom it is signed; compare it with the key that you trust'),
        batches: z.array(
          z.object({
            writer: z.string(),
            number: z.int(),
            found: z.enum(['same', 'missing', 'different']),
          }),
        ),
      })
      .nullable(),
  })
  .meta({ id: 'RestoreAcknowledged' })

export type NodeJson = z.infer<typeof nodeSchema>
export type NodesJson = z.infer<typeof nodesSchema>
export type TrailGapsJson = z.infer<typeof trailGapsSchema>
export type AcknowledgementJson = z.infer<typeof acknowledgementSchema>
export type RestoreAcknowledgedJson = z.infer<typeof restoreAcknowledgedSchema>
