import { open, rename, stat, type FileHandle } from 'node:fs/promises'
import type { Clock } from '../domain/ports.ts'
import type { SinkTarget } from './sink.ts'

/** No batch is as long as that: a line that ends one stands within it, from the end of the file. */
const tailBytes = 8 * 1024 * 1024

/**
 * A file that lines are appended to, each time opened anew and synced, so that whoever rotates it may move it away. It
 * is moved away by itself at `rotateBytes`. What a crash left of a batch is cut off before more is written behind it.
 */
export function createFileTarget(options: {
  path: string
  rotateBytes: number
  clock: Pick<Clock, 'now'>
}): SinkTarget {
  const { path, rotateBytes, clock } = options
  let isFirst = true

  async function append(file: FileHandle, bytes: Buffer): Promise<void> {
    const { size } = await file.stat()
    try {
      await file.appendFile(bytes)
      await file.datasync()
    } catch (error) {
      // A full disk may have taken half of it.
      await file.truncate(size).catch(() => {})
      throw error
    }
  }

  return {
    async take(lines) {
      const bytes = Buffer.from(lines)
      const before = await stat(path).catch(() => null)
      if (before !== null && before.size > 0 && before.size + bytes.length > rotateBytes)
        await rename(path, `${path}.${new Date(clock.now()).toISOString().replaceAll(':', '')}`)
      const file = await open(path, 'a+', 0o600)
      try {
        if (isFirst) await cutBack(file)
        isFirst = false
        await append(file, bytes)
      } catch (error) {
        isFirst = true
        throw error
      } finally {
        await file.close()
      }
    },
  }
}

/** Back to the end of the last whole batch or checkpoint. */
async function cutBack(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  const from = Math.max(0, size - tailBytes)
  const tail = Buffer.alloc(size - from)
  await file.read(tail, 0, tail.length, from)
  const end = from + endOfLastSeal(tail)
  if (end < size) await file.truncate(end)
}

/** The length of the text up to the last whole line that ends a batch. */
export function endOfLastSeal(text: Buffer): number {
  let end = text.lastIndexOf('\n') + 1
  while (end > 0) {
    const start = text.lastIndexOf('\n', end - 2) + 1
    const line = text.subarray(start, start + 13).toString('latin1')
    if (line.startsWith('{"seal"') || line.startsWith('{"checkpoint"')) return end
    end = start
  }
  return 0
}
