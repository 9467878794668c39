import { mkdirSync, realpathSync } from 'node:fs'
import { SpoolUnusable } from '../audit/spool.ts'
import { acquireLock, DirectoryLocked, type Lock } from '../store/lock.ts'

/**
 * Takes the spool's directory for this process. It has a lock beside the data directory's, as it may be a link into
 * another one: two that write there would replay and remove each other's rows. Throws {@link DirectoryLocked}, and
 * {@link SpoolUnusable} where it can't be written.
 */
export async function lockSpool(directory: string): Promise<Lock> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return await acquireLock(realpathSync(directory), { socketPath: null })
  } catch (error) {
    throw error instanceof DirectoryLocked ? error : new SpoolUnusable(directory, error)
  }
}
