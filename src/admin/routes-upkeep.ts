import { z } from 'zod'
import type { Upkeep } from '../upkeep/upkeep.ts'
import { describe } from './describe.ts'
import { isStillAdmitted, type AdminApi } from './guard.ts'
import { instant } from './json.ts'
import { RequestRefused } from './problem.ts'
import * as schemas from './schemas-upkeep.ts'
import { createSlots } from './slots.ts'
import { query } from './valid.ts'

/** What the routes about the trail's upkeep stand on. */
export type UpkeepRooms = Pick<Upkeep, 'state' | 'checkpointKeys' | 'exportSealed'>

const mostExports = 4
const mostExportsOfOne = 2
const admissionMs = 5_000

/** The routes about how the trail stands, and the one that exports it for verification. */
export function upkeepRoutes(api: AdminApi, upkeep: UpkeepRooms): void {
  const exports = createSlots(mostExports, mostExportsOfOne)

  api.get(
    '/audit/upkeep',
    describe({
      summary: 'Show how the trail stands: partitions, checkpoints, sinks',
      needs: 'oversee',
      status: 200,
      answer: schemas.upkeepSchema,
      refusals: [],
    }),
    async (c) => {
      const { partitions, checkpoint, sinks } = await upkeep.state()
      const orNull = (at: number | null) => (at === null ? null : instant(at))
      return c.json({
        partitions: partitions === null ? null : { ...partitions, until: orNull(partitions.until) },
        checkpoint:
          checkpoint === null
            ? null
            : { ...checkpoint, at: instant(checkpoint.at), keepsFrom: instant(checkpoint.keepsFrom) },
        checkpointKeys: upkeep.checkpointKeys(),
        sinks: sinks.map((sink) => ({
          ...sink,
          oldestAt: orNull(sink.oldestAt),
          failingSince: orNull(sink.failingSince),
        })),
      } satisfies schemas.UpkeepJson)
    },
  )

  api.get(
    '/audit/sealed',
    describe({
      summary: 'Download the trail for verification: rows, seals and checkpoints, up to one made now',
      needs: 'oversee',
      status: 200,
      answer: z.string(),
      mediaType: 'application/jsonl',
      refusals: [400, 429],
    }),
    query(schemas.sealedQuery),
    async (c) => {
      const { after } = c.req.valid('query')
      const { gate, access } = c.var
      const release =
        exports.take(access.actor) ??
        refuse(429, 'too_many_at_once', 'There are as many exports for verification as may be at once.')
      const pieces = upkeep.exportSealed(after === undefined ? null : Number(after))
      // The first piece now: what is wrong with the request is an answer, and not an export that breaks off.
      const first = await pieces.next().catch((error: unknown) => {
        release()
        if (error instanceof Error && 'code' in error && error.code === 'checkpoint_unknown')
          refuse(400, 'field_invalid', `There is no checkpoint ${after}.`, 'after')
        throw error
      })
      const stream = streamOf(first, pieces, {
        isAdmitted: () => isStillAdmitted(gate, c.req.raw, access, 'oversee'),
        onOver: release,
      })
      return c.body(stream, 200, {
        'content-type': 'application/jsonl; charset=utf-8',
        'content-disposition': 'attachment; filename="trail-sealed.jsonl"',
        'x-content-type-options': 'nosniff',
      })
    },
  )
}

function refuse(...refused: ConstructorParameters<typeof RequestRefused>): never {
  throw new RequestRefused(...refused)
}

/** Each piece when the one before was taken; an error breaks it off. */
function streamOf(
  first: IteratorResult<string>,
  pieces: AsyncGenerator<string>,
  { isAdmitted, onOver }: { isAdmitted: () => Promise<boolean>; onOver: () => void },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let next: IteratorResult<string> | null = first
  let admittedAtMs = performance.now()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          if (performance.now() - admittedAtMs > admissionMs) {
            if (!(await isAdmitted())) throw new Error('who asked for it may not have it any more')
            admittedAtMs = performance.now()
          }
          const piece = next ?? (await pieces.next())
          next = null
          if (piece.done === true) {
            onOver()
            controller.close()
          } else controller.enqueue(encoder.encode(piece.value))
        } catch (error) {
          onOver()
          throw error
        }
      },
      async cancel() {
        onOver()
        await pieces.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
}
