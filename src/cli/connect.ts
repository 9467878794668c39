import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Agent, fetch as fetchOver } from 'undici'
import { adminBasePath } from '../admin/api.ts'
import type { Problem } from '../admin/problem.ts'
import type { Config } from '../config.ts'
import { createPostern } from '../postern.ts'
import { acquireLock, readLock } from '../store/lock.ts'
import type { Holder } from '../store/lock.ts'
import { CommandFailed } from './failure.ts'

/** The admin API, wherever it is served. */
export interface Admin {
  /** `server`: over the socket of a running one. Else the database was opened by this process. */
  via: 'server' | 'postgres' | 'embedded'
  get<T>(path: string, query?: Query): Promise<T>
  post<T>(path: string, body: object): Promise<T>
  close(): Promise<void>
}

/** How long a server that holds the lock may take to open its socket, in milliseconds. */
const patienceMs = 5000

export type Query = Record<string, string | undefined>

type Send = (
  path: string,
  init?: { method: string; body: string },
) => Promise<{ status: number; text: string }>

/**
 * Finds the admin API: that of the server which holds the data directory; or of the database itself, an embedded
 * one under the directory's lock. Throws {@link CommandFailed} where there is neither.
 */
export async function connect(config: Config): Promise<Admin> {
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
      const response = await fetchOver(`http://postern${path}`, {
        ...init,
        headers: jsonHeaders,
        dispatcher: agent,
      })
      return { status: response.status, text: await response.text() }
    } catch (error) {
      // A server that is just starting holds the lock a moment before it has its socket.
      if (neverArrived(error) && performance.now() - startedMs < patienceMs) {
        await setTimeout(100)
        return send(path, init)
      }
      const after = init === undefined || neverArrived(error) ? '' : '; it may have done it all the same'
      throw new CommandFailed(
        `the server (process ${pid}) holds ${dataDir} but does not answer on its socket ${socketPath}: see its log, or stop it${after}`,
      )
    }
  }
  return { via: 'server', ...requests(send), close: () => agent.close() }
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
    const send: Send = async (path, init) => {
      const response = await postern.admin(
        new Request(`http://postern${path}`, { ...init, headers: jsonHeaders }),
      )
      return { status: response.status, text: await response.text() }
    }
    return {
      via,
      ...requests(send),
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

const jsonHeaders = { 'content-type': 'application/json' }

function requests(send: Send): Pick<Admin, 'get' | 'post'> {
  return {
    get: async <T>(path: string, query: Query = {}) => {
      const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)
      const search = given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
      return answerOf(await send(`${adminBasePath}/api/v1${path}${search}`)) as T
    },
    post: async <T>(path: string, body: object) =>
      answerOf(
        await send(`${adminBasePath}/api/v1${path}`, { method: 'POST', body: JSON.stringify(body) }),
      ) as T,
  }
}

/** The body of a good answer. Both sides are of one version: they share the schemas. */
function answerOf({ status, text }: { status: number; text: string }): unknown {
  if (status < 300) return JSON.parse(text)
  throw new CommandFailed(detailOf(text) ?? `the server answered ${status}`)
}

function detailOf(text: string): string | null {
  try {
    const { detail, code } = JSON.parse(text) as Partial<Problem>
    return typeof detail === 'string' && typeof code === 'string'
      ? `${detail.replace(/\.$/, '')} (${code})`
      : null
  } catch {
    return null
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
