import { hostname } from 'node:os'
import type { NodeStore, Refusing } from '../domain/node-store.ts'
import type { Clock } from '../domain/ports.ts'
import type { Logger } from '../log.ts'
import { createHeartbeat, type Heartbeat } from '../verify/heartbeat.ts'
import type { Lease } from '../verify/lease.ts'
import { version } from '../version.gen.ts'

/** How this node stands, for the metrics. */
export interface NodeStanding {
  lagEpochs: number
  /** How far the database's clock is ahead, in milliseconds; null until it is measured. */
  clockOffsetMs: number | null
  refusing: Refusing | null
}

/** The heartbeat of a node that takes up service, which says in the log what is wrong with its clock. */
export function createPresence(options: {
  nodes: NodeStore
  lease: Lease
  clock: Clock
  log: Logger
  id: string
  boot: string
}): Heartbeat {
  const { nodes, lease, clock, log, id, boot } = options
  return createHeartbeat({
    nodes,
    lease,
    clock,
    node: { id, boot, host: hostname(), version },
    onClockFar(isFar, offsetMs) {
      const seconds = Math.round(offsetMs / 1000)
      if (isFar)
        log.error(
          { databaseAheadSeconds: seconds },
          "this machine's clock and the database's are far apart: keys and tokens end at the wrong time; let both follow a time server",
        )
      else
        log.info({ databaseAheadSeconds: seconds }, "this machine's clock agrees with the database's again")
    },
    onFailed: (error) =>
      log.warn({ err: error }, 'this node cannot tell the others how it stands: they wait for its lease'),
  })
}

/** What the log says where the database's history is not the one that this node has applied. */
export function logRefusing(log: Logger, why: Refusing | null, applied: number, found: number): void {
  if (why === null) log.warn({ applied, found }, 'the restore was acknowledged: keys are accepted again')
  else
    log.error(
      { why, applied, found },
      'the database does not have the changes that this node knows (a restored backup, a failover that lost some, or another database): no key is accepted; see to it that the database is the right one, then run `postern restore-ack`',
    )
}
