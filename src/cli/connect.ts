import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Agent, fetch as fetchOver } from 'undici'
import type { Config } from '../config.ts'
import { createPostern } from '../postern.ts'
import { acquireLock, readLock } from '../store/lock.ts'
import type { Holder } from '../store/lock.ts'
import { CommandFailed } from './failure.ts'
import { overNetwork, remoteOf } from './remote.ts'
import { requestsOver, type Requests, type Send } from './requests.ts'

/** The admin API, wherever it is served. */
export interface Admin extends Requests {
  /**
   * `remote`: over the network, by a management key. `server`: over the socket of a running one. Else the database was
   * opened by this process.
   */
  via: 'remote' | 'server' | 'postgres' | 'embedded'
  close(): Promise<void>
}

/** How long a server that holds the lock may take to open its socket, in milliseconds. */
const patienceMs = 5000

/**
 * Finds the admin API: that of the server which `POSTERN_URL` names, or which holds the data directory; or of the
 * database itself, an embedded one under the directory's lock. Throws {@link CommandFailed} where there is none.
 */
export async function connect(config: Config): Promise<Admin> {
  const remote = remoteOf(process.env)
  if (remote !== null) {
    const { send, close } = overNetwork(remote)
    return { via: 'remote', ...requestsOver(send, remote.mount), close }
  }
  const lock = readLock(config.dataDir)
  if (lock?.alive === true) return overSocket(lock.holder, config.dataDir)
  if (config.database !== null) return await inProcess(config, 'postgres')
  if (!existsSync(config.dataDir))
    throw new CommandFailed(
      `there is no data directory ${config.dataDir}: start \`postern serve\`, which makes it, or name another by --data`,
    )
  return await inProcess(config, 'embedded')
}

function overSocket(holder: Holder, dataDir: string): Admin {
  const { pid, socketPath } = holder
  if (socketPath === null)
    throw new CommandFailed(
      `${dataDir} is in use by process ${pid}, which is no server: try again when it has ended`,
    )
  const agent = new Agent({
    connect: { socketPath, timeout: 5000 },
    headersTimeout: 20_000,
    bodyTimeout: 20_000,
  })
  const startedMs = performance.now()
  const send: Send = async (path, init) => {
    try {
      return await fetchOver(`http://postern${path}`, { ...init, dispatcher: agent })
    } catch (error) {
      // A server that is just starting holds the lock a moment before it has its socket.
      if (neverArrived(error) && performance.now() - startedMs < patienceMs) {
        await setTimeout(100)
        return send(path, init)
      }
      const after = init.method === 'GET' || neverArrived(error) ? '' : '; it may have done it all the same'
      throw new CommandFailed(
        `the server (process ${pid}) holds ${dataDir} but does not answer on its socket ${socketPath}: see its log, or stop it${after}`,
      )
    }
  }
  return { via: 'server', ...requestsOver(send), close: () => agent.close() }
}

function neverArrived(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : null
  return cause instanceof Error && 'code' in cause && ['ENOENT', 'ECONNREFUSED'].includes(String(cause.code))
}

async function inProcess(config: Config, via: 'postgres' | 'embedded'): Promise<Admin> {
  // On Postgres the database itself keeps order; the lock is for the embedded directory.
  const lock = via === 'embedded' ? await acquireLock(config.dataDir, { socketPath: null }) : null
  try {
    const postern = createPostern({ ...config, log: { level: 'fatal' } })
    return {
      via,
      ...requestsOver((path, init) => postern.admin(new Request(`http://postern${path}`, init))),
      close: async () => {
        try {
          await postern.close()
        } finally {
          lock?.release()
        }
      },
    }
  } catch (error) {
    lock?.release()
    throw error
  }
}

/** Runs a command's work with the admin API, and closes it whatever comes of it. */
export async function withAdmin(config: Config, work: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = await connect(config)
  try {
    await work(admin)
  } finally {
    await admin.close()
  }
}
