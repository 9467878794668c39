import { setTimeout } from 'node:timers/promises'
import type { NodeStore, RestoreAcknowledged, SeenNode, SeenNodes } from '../domain/node-store.ts'
import type { Clock } from '../domain/ports.ts'
import { leaseMs } from './lease.ts'

/** How a node stands to a change: it has applied it, it accepts nothing at all, or its lease has run out since. */
export type NodeStanding = 'acknowledged' | 'refusing' | 'lease-ended'

/** When a change was known everywhere. */
export interface Acknowledgement {
  /** The epoch that was waited for; null where the database did not tell: then the time alone was waited for. */
  epoch: number | null
  tookMs: number
  nodes: { id: string; host: string; standing: NodeStanding }[]
}

/** The nodes on this database, for administrators. */
export interface Nodes {
  list(): Promise<SeenNodes>
  /**
   * Resolves when no node accepts anything any more that a change forbids which is committed already: when all have
   * applied it, and in any case once every lease that was there before it has run out. Never rejects.
   */
  untilAcknowledged(): Promise<Acknowledgement>
  acknowledgeRestore(by: { actor: string; reason: string; atLeast: number }): Promise<RestoreAcknowledged>
}

const askEveryMs = 25
/** What clocks may differ in how fast they go, and more. */
const marginMs = 50

export function createNodes({ store, clock }: { store: NodeStore; clock: Clock }): Nodes {
  return {
    list: () => store.list(),

    async untilAcknowledged() {
      const since = clock.monotonic()
      const passedMs = () => clock.monotonic() - since
      let epoch: number | null = null
      let seen: readonly SeenNode[] = []
      for (;;) {
        const asked = passedMs()
        try {
          const found = await store.list()
          epoch ??= found.epoch
          seen = found.nodes
        } catch {
          // The change is committed, whatever becomes of the waiting for it.
        }
        const wanted = epoch
        const hasApplied = (node: SeenNode) => wanted !== null && isAcknowledged(node, wanted)
        if ((wanted !== null && seen.every(hasApplied)) || asked >= leaseMs + marginMs)
          return {
            epoch,
            tookMs: passedMs(),
            nodes: seen.map((node) => ({
              id: node.id,
              host: node.host,
              standing: hasApplied(node)
                ? 'acknowledged'
                : node.refusing === null
                  ? 'lease-ended'
                  : 'refusing',
            })),
          }
        await setTimeout(askEveryMs)
      }
    },

    acknowledgeRestore: ({ actor, reason, atLeast }) =>
      store.acknowledgeRestore({ actor, reason, atLeast, at: clock.now() }),
  }
}

/**
 * A row that is old counts like any other, since nothing tells a node that died from one that can't write its row: it
 * makes the waiting as long as can be, and no longer. So does one that refuses, which may just have ended.
 */
function isAcknowledged({ refusing, appliedEpoch }: SeenNode, epoch: number): boolean {
  return refusing === null && appliedEpoch >= epoch
}
