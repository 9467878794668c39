import type { ChildProcess } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Settings } from '../../src/config.ts'
import { parseConfig } from '../../src/config.ts'
import type { TrailRow } from '../../src/domain/call.ts'
import { createPostern } from '../../src/postern.ts'
import { end, run, start } from '../cli/bin.ts'

/** What `serve --json` prints. */
export interface Ready {
  url: string
  mcpUrl: string | null
  adminUrl: string
  setupUrl: string | null
  dataDir: string
  demoKey: string | null
}

/** The built gateway in a process of its own. */
export interface ServerProcess {
  child: ChildProcess
  ready: Ready
  stdout(): string
  stderr(): string
  /** Ends it by a signal; answers its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/** A directory for the settings and the data of one server. */
export async function makePlace(settings: Settings | null = null): Promise<{ cwd: string; dataDir: string }> {
  const cwd = await mkdtemp(join(tmpdir(), 'postern-serve-'))
  if (settings !== null) await writeFile(join(cwd, 'postern.config.json'), JSON.stringify(settings))
  return { cwd, dataDir: join(cwd, 'data') }
}

export const freePorts = { POSTERN_PORT: '0', POSTERN_ADMIN_PORT: '0' } as const

/** Runs `serve --json` until it is ready. Rejects with what it wrote where it ends before. */
export async function startServer(
  cwd: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<ServerProcess> {
  const child = start(['serve', '--json', '--data', join(cwd, 'data'), ...args], {
    cwd,
    env: { ...freePorts, ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()))
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.stdout?.on('data', (data: Buffer) => {
      stdout += data.toString()
      const at = stdout.indexOf('\n')
      if (at !== -1) resolve(JSON.parse(stdout.slice(0, at)) as Ready)
    })
    child.once('close', (code) => reject(new Error(`serve ended with ${code}: ${stdout}${stderr}`)))
  })
  return { child, ready, stdout: () => stdout, stderr: () => stderr, end: (signal) => end(child, signal) }
}

/** Runs a command of the CLI on the same data and answers the JSON that it prints. */
export async function cli<T>(cwd: string, ...args: string[]): Promise<T> {
  const ran = await run([...args, '--json', '--data', join(cwd, 'data')], { cwd })
  if (ran.code !== 0) throw new Error(`${args.join(' ')}: ${ran.stderr}`)
  return JSON.parse(ran.stdout) as T
}

/** The whole trail of a server that has ended, oldest first. */
export async function trailOf(dataDir: string, database?: string): Promise<TrailRow[]> {
  const settings = {
    data: dataDir,
    log: { level: 'silent' },
    ...(database === undefined ? {} : { database }),
  }
  const postern = createPostern(parseConfig(settings, {}, dataDir))
  try {
    const rows: TrailRow[] = []
    for (let cursor: string | undefined; ;) {
      const page = await postern.trail.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
      rows.push(...page.data)
      if (page.nextCursor === null) return rows.toReversed()
      cursor = page.nextCursor
    }
  } finally {
    await postern.close()
  }
}
