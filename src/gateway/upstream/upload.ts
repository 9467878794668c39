import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** A streamed body on its way to the backend. */
export interface Upload {
  isOver(): boolean
  /** The connection has room again. */
  resume(): void
  /** The connection is gone, or its answer was quicker: what is left of the body is not read. */
  end(): void
}

/**
 * Sends a body on as it comes, and no faster than the backend takes it: by the length said, which it then must
 * have exactly, or in chunks. `onPart` is called for each piece, `onFailed` where it breaks off or is of another
 * length: what was sent of it then must not look like a whole request.
 */
export function startUpload(
  socket: Socket,
  body: Readable,
  announcedBytes: number | null,
  { onPart, onFailed }: { onPart: () => void; onFailed: (error: Error) => void },
): Upload {
  let sentBytes = 0
  let isOver = false

  function write(chunk: Buffer): boolean {
    if (announcedBytes !== null) return socket.write(chunk)
    socket.cork()
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    socket.write(chunk)
    const hasRoom = socket.write('\r\n', 'latin1')
    socket.uncork()
    return hasRoom
  }

  function fail(error: Error): void {
    if (isOver) return
    isOver = true
    onFailed(error)
  }

  body.on('data', (chunk: Buffer) => {
    // An empty chunk would be the last one.
    if (isOver || chunk.length === 0) return
    sentBytes += chunk.length
    if (announcedBytes !== null && sentBytes > announcedBytes) {
      fail(new Error('the body is longer than announced'))
      return
    }
    if (!write(chunk)) body.pause()
    onPart()
  })
  body.on('end', () => {
    if (isOver) return
    if (announcedBytes !== null && sentBytes < announcedBytes) {
      fail(new Error('the body is shorter than announced'))
      return
    }
    isOver = true
    if (announcedBytes === null) socket.write('0\r\n\r\n', 'latin1')
    onPart()
  })
  body.on('error', fail)
  body.on('close', () => fail(new Error('the body broke off')))

  return {
    isOver: () => isOver,
    resume: () => void body.resume(),
    end() {
      isOver = true
      body.destroy()
    },
  }
}
