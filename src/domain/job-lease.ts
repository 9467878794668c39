/**
 * Jobs that one node at a time may do, such as signing checkpoints. A holder that died is followed by another once
 * its time is over.
 */
export interface JobLeases {
  /**
   * Whether `holder` has the job for the next `forMs` milliseconds, by the database's clock: where nobody has it, or
   * nobody any more, or `holder` itself, whose time then begins anew. The holder counts from when it asked, and stops
   * or asks again before the time is over. A pause can outlast it unseen, so what a job writes must bear being written
   * twice, or be refused by a constraint. Throws StoreUnavailable.
   */
  acquire(job: string, holder: string, forMs: number): Promise<boolean>
  /** Gives the job up, where `holder` has it. */
  release(job: string, holder: string): Promise<void>
}
