import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { nativeRequest } from './native-request.ts'

/** More than this, and Node cuts the path off without a word: sun_path holds 104 bytes on macOS, 108 on Linux. */
const pathLimitBytes = 100
const graceMs = 2000

/**
 * Where the admin socket of a data directory lies: in it, or, where that path would be too long, in a directory
 * of its own below the temporary directory, which {@link serveSocket} makes private.
 */
export function socketPathFor(dataDir: string): string {
  const path = join(resolve(dataDir), 'admin.sock')
  if (Buffer.byteLength(path) <= pathLimitBytes) return path
  // The same for the same directory, so that a killed server's successor finds and removes what it left.
  const name = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 16)
  const directory = `postern-${process.getuid?.() ?? 0}-${name}`
  const short = join(tmpdir(), directory, 'admin.sock')
  return Buffer.byteLength(short) <= pathLimitBytes ? short : join('/tmp', directory, 'admin.sock')
}

export interface AdminSocket {
  path: string
  /** Answers what has been asked, for up to two seconds, and removes the socket. */
  close(): Promise<void>
}

/**
 * Serves a handler on the data directory's socket, which only this user may open. The caller holds the
 * directory's lock: a socket that is there already belongs to a dead process and is removed.
 */
export async function serveSocket(options: {
  fetch: (request: Request) => Promise<Response>
  dataDir: string
}): Promise<AdminSocket> {
  const path = socketPathFor(options.dataDir)
  if (dirname(path) !== resolve(options.dataDir)) makePrivate(dirname(path))
  removeSocket(path)
  const { fetch } = options
  const server = createAdaptorServer({
    fetch: (request) => fetch(nativeRequest(request)),
    // Else Node's own Request and Response are replaced for the whole process.
    overrideGlobalObjects: false,
  }) as Server
  await listen(server, path)
  return {
    path,
    close: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()))
      const impatience = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(impatience)
      rmSync(path, { force: true })
    },
  }
}

/** The socket is created inside `listen`, before it returns: the mask makes it 0600 from the first moment. */
async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    const mask = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.off('error', failed)
        done()
      })
    } finally {
      process.umask(mask)
    }
  })
}

/** A name in a shared directory can be taken by someone else first: then it must be ours, and closed. */
function makePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const found = lstatSync(directory)
  if (!found.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid) || (found.mode & 0o077) !== 0)
    throw new Error(`the directory ${directory} is not private to this user; remove it and start again`)
}

function removeSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket())
    throw new Error(`${path} is in the way of the admin socket; remove it and start again`)
  rmSync(path)
}
