import { rmSync } from 'node:fs'
import { serveSocket, socketPathFor } from '../admin/socket.ts'
import type { Recorder } from '../audit/recorder.ts'
import type { Postern } from '../postern.ts'
import { prepareDirectory } from '../store/data-directory.ts'
import { acquireLock } from '../store/lock.ts'

/** A data directory that this process holds, with a started Postern on it. */
export interface Held {
  recorder: Recorder
  /** Gives the directory back while the process exits: what is left of the trail is in the spool. Synchronous. */
  abandon(): void
  /** Commits what is left of the trail and gives the directory back. */
  close(): Promise<void>
}

/**
 * Takes up service inside a process that is somebody else's: the data directory's lock, the start, and the admin
 * API on the directory's socket, where the CLI finds it. Throws where another process holds the directory.
 */
export async function holdDirectory(postern: Postern): Promise<Held> {
  const dataDir = prepareDirectory(postern.config.dataDir)
  const socketPath = socketPathFor(dataDir)
  const lock = await acquireLock(dataDir, { socketPath })
  try {
    const recorder = await postern.start()
    const socket = await serveSocket({ fetch: postern.admin, dataDir })
    return {
      recorder,
      abandon() {
        rmSync(socketPath, { force: true })
        postern.abandon()
        lock.release()
      },
      async close() {
        try {
          await socket.close()
          await postern.close()
        } finally {
          lock.release()
        }
      },
    }
  } catch (error) {
    await postern.close().catch(() => undefined)
    lock.release()
    throw error
  }
}
