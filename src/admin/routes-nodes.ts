import { isSigned, readCheckpoint, type Checkpoint, type SignedCheckpoint } from '../domain/checkpoint.ts'
import { liveForMs, type SeenNode } from '../domain/node-store.ts'
import type { TrailStore } from '../domain/ports.ts'
import type { SealedTrail } from '../domain/sealed-trail.ts'
import type { Acknowledgement, Nodes } from '../verify/nodes.ts'
import type { Access } from './access.ts'
import { describe } from './describe.ts'
import type { AdminApi } from './guard.ts'
import { instant } from './json.ts'
import { RequestRefused } from './problem.ts'
import * as schemas from './schemas-nodes.ts'
import { body, jsonOnly } from './valid.ts'

/** What the routes about nodes stand on: the trail's seals are what a checkpoint is held against. */
export interface NodeRooms extends Nodes {
  sequenceGaps: TrailStore['sequenceGaps']
  sealsAt: SealedTrail['sealsAt']
}

const hourMs = 3_600_000
const mostGaps = 200

/** The routes about the nodes, and the one that ends their refusal after a restore. */
export function nodeRoutes(api: AdminApi, nodes: NodeRooms): void {
  api.get(
    '/nodes',
    describe({
      summary: 'List the nodes on this database, with how far each lags behind',
      needs: 'oversee',
      status: 200,
      answer: schemas.nodesSchema,
      refusals: [],
    }),
    async (c) => {
      const seen = await nodes.list()
      const data = seen.nodes.map((node) => nodeJson(node, seen.epoch))
      return c.json({ epoch: seen.epoch, data, nextCursor: null } satisfies schemas.NodesJson)
    },
  )

  api.get(
    '/trail-gaps',
    describe({
      summary: 'List numbers that are missing among the rows of a run, in the day that ended an hour ago',
      needs: 'oversee',
      status: 200,
      answer: schemas.trailGapsSchema,
      refusals: [],
    }),
    async (c) => {
      // The rows of calls that are under way are yet to come.
      const to = c.get('gate').clock.now() - hourMs
      const gaps = await nodes.sequenceGaps({ from: to - 24 * hourMs, to, limit: mostGaps })
      const data = gaps.map((gap) => ({ ...gap, after: instant(gap.after) }))
      return c.json({ data, nextCursor: null } satisfies schemas.TrailGapsJson)
    },
  )

  api.post(
    '/restore-acknowledgements',
    describe({
      summary: 'Say that a restore of the database is known of: nodes that refuse go on, with nothing cached',
      needs: 'administer',
      status: 201,
      answer: schemas.restoreAcknowledgedSchema,
      refusals: [400, 413, 415],
    }),
    jsonOnly,
    body(schemas.restoreAcknowledgement),
    async (c) => {
      const { reason, checkpoint: signed } = c.req.valid('json')
      if (reason.trim() === '')
        throw new RequestRefused(400, 'field_invalid', 'Say why: it stands in the history.', 'reason')
      const checkpoint = signed === undefined ? null : readSigned(signed)
      // First, so that nothing can fail once it is done.
      const batches = checkpoint === null ? [] : await comparedBatches(checkpoint, nodes.sealsAt)
      const done = await nodes.acknowledgeRestore({
        actor: c.get('access').actor,
        reason: reason.trim(),
        atLeast: checkpoint?.epoch ?? 0,
      })
      const known = Math.max(done.highestApplied, checkpoint?.epoch ?? 0)
      const answer: schemas.RestoreAcknowledgedJson = {
        ...done,
        lostChanges: known - done.before,
        checkpoint:
          checkpoint === null || signed === undefined
            ? null
            : {
                number: checkpoint.number,
                at: instant(checkpoint.at),
                epoch: checkpoint.epoch,
                key: signed.key,
                batches,
              },
      }
      return c.json(answer, 201)
    },
  )
}

/** An acknowledgement as the API gives it to someone: owners learn nothing of the machines. */
export function acknowledgementJson(
  { epoch, tookMs, nodes }: Acknowledgement,
  access: Access,
): schemas.AcknowledgementJson {
  return {
    epoch,
    tookMs,
    nodes: nodes.map(({ id, host, standing }) => ({
      id,
      host: access.role === 'owner' ? null : host,
      standing,
    })),
  }
}

function nodeJson(node: SeenNode, epoch: number): schemas.NodeJson {
  return {
    id: node.id,
    boot: node.boot,
    host: node.host,
    version: node.version,
    isLive: node.seenMsAgo < liveForMs,
    seenMsAgo: node.seenMsAgo,
    appliedEpoch: node.appliedEpoch,
    lagEpochs: Math.max(0, epoch - Math.max(0, node.appliedEpoch)),
    leaseAgeMs: node.leaseAgeMs,
    clockOffsetMs: node.clockOffsetMs,
    refusing: node.refusing,
  }
}

function readSigned(signed: SignedCheckpoint): Checkpoint {
  const checkpoint = isSigned(signed) ? readCheckpoint(signed.text) : null
  if (checkpoint === null)
    throw new RequestRefused(
      400,
      'field_invalid',
      'The checkpoint is not one that its key has signed.',
      'checkpoint',
    )
  return checkpoint
}

/** Whether the trail has the batches that were the newest when the checkpoint was signed. */
async function comparedBatches({ heads }: Checkpoint, sealsAt: SealedTrail['sealsAt']) {
  const found = new Map(
    (await sealsAt(heads)).map(({ writer, number, seal }) => [`${number} ${writer}`, seal]),
  )
  return heads.map(({ writer, number, seal }) => {
    const present = found.get(`${number} ${writer}`)
    const same = present === seal ? ('same' as const) : ('different' as const)
    return { writer, number, found: present === undefined ? ('missing' as const) : same }
  })
}
