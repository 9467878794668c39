/** A node whose row is older counts as gone, in milliseconds; each writes its own every 5 s. */
export const liveForMs = 15_000

/** Rows older than this are removed, in milliseconds. */
export const forgottenAfterMs = 60_000

/** The subject of changes that are the whole deployment's. */
export const deploymentId = '00000000-0000-0000-0000-000000000000'

/**
 * Why a node refuses every key. `epoch_went_back`: the database knows fewer changes than the node has applied;
 * `history_differs`: as many, but others (a restore or a failover lost some, and new ones have come);
 * `another_database`: it was led to another one while it ran.
 */
export type Refusing = 'epoch_went_back' | 'history_differs' | 'another_database'

/** What a node says of itself. */
export interface NodeReport {
  /** The node's id, which stays with its data directory, and its run's. */
  id: string
  boot: string
  host: string
  version: string
  /** The last change that it has applied; −1 before the first poll. */
  appliedEpoch: number
  /** Since its last successful poll was sent, in milliseconds; null before the first. */
  leaseAgeMs: number | null
  /** How far the database's clock is ahead of the node's, in milliseconds; null until it is measured. */
  clockOffsetMs: number | null
  refusing: Refusing | null
}

/** A node as the others see it. */
export interface SeenNode extends NodeReport {
  /** Since its row was written, in milliseconds of the database's clock. */
  seenMsAgo: number
}

export interface SeenNodes {
  /** The epoch of the snapshot. */
  epoch: number
  /** By host and id. */
  nodes: SeenNode[]
}

/** What an acknowledged restore came to. */
export interface RestoreAcknowledged {
  /** The epoch that the database had, and the one that it has now. */
  before: number
  epoch: number
  /** The highest that any node had applied, as far as nodes say; changes from `before` to it are lost. */
  highestApplied: number
}

/** For the nodes to know of each other. */
export interface NodeStore {
  /** Writes the node's row. Answers the current epoch and the database's clock, epoch milliseconds. */
  report(node: NodeReport): Promise<{ epoch: number; at: number }>
  /** Removes the row of a run that ends. */
  leave(boot: string): Promise<void>
  /** Removes the rows of nodes that were not seen for {@link forgottenAfterMs}. */
  forget(): Promise<void>
  list(): Promise<SeenNodes>
  /**
   * Takes an epoch above all that nodes have applied and above `atLeast`, and records who says that a restore, or a
   * failover that lost changes, is known of. Nodes that refuse go on from it with nothing cached.
   */
  acknowledgeRestore(by: {
    actor: string
    reason: string
    at: number
    atLeast: number
  }): Promise<RestoreAcknowledged>
}
