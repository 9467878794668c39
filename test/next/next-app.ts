import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, run } from '../cli/bin.ts'
import { freePort } from '../free-port.ts'
import { alone, buildNext, cache, installPackages, nextBin, quiet } from './packages.ts'

/** The fixture app, built with a real Next against the packed package: again when either has changed. */

const fixture = join(import.meta.dirname, 'app')
const app = join(cache, 'app')
/** As in the folder that all packages lie in. */
const standalone = join(app, '.next/standalone/app')

/** Installs and builds what has changed. Takes a minute or two the first time. */
export function buildApp(): Promise<void> {
  return alone(buildWhatChanged)
}

async function buildWhatChanged(): Promise<void> {
  const wanted = createHash('sha256').update(await installPackages())
  const files = readdirSync(fixture, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|tsx|mjs)$/.test(file))
    .sort()
  for (const file of files) wanted.update(file).update(readFileSync(join(fixture, file)))
  const stamp = join(cache, 'built')
  const digest = wanted.digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return

  rmSync(stamp, { force: true })
  rmSync(app, { recursive: true, force: true })
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{"name":"fixture","private":true,"type":"module"}')
  for (const file of files) cpSync(join(fixture, file), join(app, file))
  await buildNext(app)
  cpSync(join(app, '.next/static'), join(standalone, '.next/static'), { recursive: true })
  writeFileSync(stamp, digest)
}

/** What a build left beside the app, besides Next's own. */
export function filesBesideApp(): string[] {
  return readdirSync(app)
}

export type Mode = 'next start' | 'standalone'

/** An app, running. */
export interface RunningNext {
  port: number
  url: string
  output(): string
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** The fixture app, running. */
export interface RunningApp extends RunningNext {
  dataDir: string
  /** Runs the built CLI on the app's data directory. */
  cli<T>(...args: string[]): Promise<T>
}

/** Starts the built fixture with a data directory of its own. */
export async function startApp(mode: Mode, env: Record<string, string> = {}): Promise<RunningApp> {
  const place = mkdtempSync(join(tmpdir(), 'postern-next-'))
  const dataDir = join(place, 'data')
  writeFileSync(join(place, 'postern.config.json'), JSON.stringify({ prefixes: ['mmm'], data: dataDir }))
  const next = await startNext(mode === 'standalone' ? standalone : app, mode, {
    POSTERN_DATA: dataDir,
    ...env,
  })
  return {
    ...next,
    dataDir,
    async cli<T>(...args: string[]) {
      const ran = await run([...args, '--json', '--config', join(place, 'postern.config.json')], {
        cwd: place,
      })
      if (ran.code !== 0) throw new Error(`${args.join(' ')}: ${ran.stderr}`)
      return JSON.parse(ran.stdout) as T
    },
  }
}

/** Starts an app that is built in a folder, on loopback. */
export async function startNext(
  directory: string,
  mode: Mode,
  env: Record<string, string>,
): Promise<RunningNext> {
  const port = await freePort()
  const started =
    mode === 'standalone' ? ['server.js'] : [nextBin, 'start', '-H', '127.0.0.1', '-p', String(port)]
  const child: ChildProcess = spawn(process.execPath, started, {
    cwd: directory,
    env: { ...quiet, PORT: String(port), HOSTNAME: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const onData = (data: Buffer): void => {
      output += data.toString()
      if (output.includes('Ready in')) resolve()
    }
    child.stdout?.on('data', onData)
    child.stderr?.on('data', onData)
    child.once('close', (code) => reject(new Error(`the app ended with ${code}: ${output}`)))
  })
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    output: () => output,
    stop: (signal = 'SIGTERM') => end(child, signal),
  }
}
