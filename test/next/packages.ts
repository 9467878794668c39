import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

/**
 * A real Next and the packed package, in one folder that all apps of the tests stand in. Next is fetched by npm at
 * the first run and kept; the package is packed and installed again when it has changed.
 */
export const cache = join(import.meta.dirname, '.cache')

/** What an app of the tests depends on, besides the package itself. */
export const dependencies = {
  '@clerk/backend': '^3.25.0',
  '@types/node': '^20',
  '@types/react': '^19',
  next: '16.4.6',
  react: '^19',
  'react-dom': '^19',
  typescript: '^5',
}

export const nextBin = join(cache, 'node_modules/next/dist/bin/next')

export const execute = promisify(execFile)

/** The environment of all that is started: nothing of this process's own gets through. */
export const quiet = {
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  NEXT_TELEMETRY_DISABLED: '1',
}

/** Installs what has changed, and answers a digest of all of it. Only {@link alone}. */
export async function installPackages(): Promise<string> {
  const tarball = await pack()
  const wanted = createHash('sha256').update(JSON.stringify(dependencies)).update(readFileSync(tarball))
  const digest = wanted.digest('hex')
  const stamp = join(cache, 'installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return digest
  rmSync(stamp, { force: true })
  writeFileSync(
    join(cache, 'package.json'),
    JSON.stringify({ name: 'apps', private: true, type: 'module', dependencies }),
  )
  const quietly = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', '--no-save']
  await execute('npm', ['install', ...quietly, tarball], { cwd: cache, env: quiet })
  writeFileSync(stamp, digest)
  return digest
}

/** Does some work in the folder while no other test file does: they run at once. */
export async function alone<T>(work: () => Promise<T>): Promise<T> {
  mkdirSync(cache, { recursive: true })
  const unlock = await lock()
  try {
    return await work()
  } finally {
    unlock()
  }
}

/** `next build` in a folder beside the packages. */
export async function buildNext(directory: string): Promise<void> {
  const options = { cwd: directory, env: quiet, maxBuffer: 1 << 24 }
  await execute(process.execPath, [nextBin, 'build'], options).catch(
    (error: Error & { stdout: string; stderr: string }) => {
      throw new Error(`next build failed:\n${error.stdout}\n${error.stderr}`)
    },
  )
}

async function pack(): Promise<string> {
  const { stdout } = await execute(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--loglevel=silent', '--pack-destination', cache],
    { cwd: join(import.meta.dirname, '../..') },
  )
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  // npm remembers tarballs by their path.
  const digest = createHash('sha256').update(readFileSync(join(cache, filename)))
  const target = join(cache, `postern-${digest.digest('hex').slice(0, 12)}.tgz`)
  for (const old of readdirSync(cache)) if (/^postern-[0-9a-f]{12}\.tgz$/.test(old)) rmSync(join(cache, old))
  renameSync(join(cache, filename), target)
  return target
}

/** Waits until no other process works there. A lock whose holder is gone counts for nothing. */
async function lock(): Promise<() => void> {
  const path = join(cache, 'lock')
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch {
      if (!isHeld(path)) rmSync(path, { force: true })
      await setTimeout(100)
    }
  }
}

function isHeld(path: string): boolean {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0)
    return true
  } catch {
    return false
  }
}
