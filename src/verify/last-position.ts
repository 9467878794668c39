import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Position } from './lease.ts'

/** What this node has applied, over its restarts: so that a restart does not hide a restore of the database. */
export interface LastPosition {
  /** Null where there is none yet. Throws for a file that can't be read as one: a node that is not sure refuses. */
  recall(): Position | null
  /** Writes it, synced to the disk; of several that come while one is written, the last. Nobody waits for it. */
  keep(position: Position): void
  /** Resolves when nothing is left to write. */
  settled(): Promise<void>
}

/** In the file `position` of the data directory. */
export function createLastPosition(options: {
  dataDir: string
  /** It could not be written: a later restart knows less. */
  onFailed: (error: unknown) => void
}): LastPosition {
  const path = join(options.dataDir, 'position')
  let next: Position | null = null
  let writing: Promise<void> | null = null

  async function writeAll(): Promise<void> {
    for (let position = next; position !== null; position = next) {
      next = null
      try {
        // Whole or not at all: a node that was killed here must find what it had before.
        const file = await open(`${path}.new`, 'w', 0o600)
        try {
          await file.writeFile(`${JSON.stringify(position)}\n`)
          await file.datasync()
        } finally {
          await file.close()
        }
        await rename(`${path}.new`, path)
      } catch (error) {
        options.onFailed(error)
      }
    }
    writing = null
  }

  return {
    recall() {
      let text: string
      try {
        text = readFileSync(path, 'utf8')
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
        throw error
      }
      const position = read(text)
      if (position === null)
        throw new Error(
          `${path} can't be read: no key is accepted. It tells which changes this node has applied; if you are sure that the database was not restored from a backup, remove it and start again`,
        )
      return position
    },
    keep(position) {
      next = position
      writing ??= writeAll()
    },
    settled: async () => {
      await writing
    },
  }
}

function read(text: string): Position | null {
  try {
    const { databaseId, epoch, mark }: Partial<Position> = JSON.parse(text)
    if (typeof databaseId !== 'string' || typeof epoch !== 'number' || !Number.isSafeInteger(epoch))
      return null
    return typeof mark === 'string' || mark === null ? { databaseId, epoch, mark } : null
  } catch {
    return null
  }
}
