import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Programs that some tests drive and npm doesn't bring: each with its Debian package. */
const packages = {
  nginx: 'nginx-light',
  caddy: 'caddy',
  python3: 'python3',
  perl: 'perl',
  jq: 'jq',
  chromium: 'chromium',
  'redis-server': 'redis-server',
  pgbouncer: 'pgbouncer',
} as const

export type Program = keyof typeof packages

/** Whether a program is there; tests that need it are skipped elsewhere. */
export function has(program: Program): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
}

function missing(): Program[] {
  return (Object.keys(packages) as Program[]).filter((program) => !has(program))
}

/** Before all tests: installs what is missing, where that is possible. After them: says what was left out. */
export function setup(): () => void {
  const wanted = missing()
  const canInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version')
  if (wanted.length > 0 && canInstall) {
    try {
      // Nothing that comes with a package is started; the tests start what they need themselves.
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
      execFileSync('apt-get', ['update', '-qq'], { env, stdio: 'pipe' })
      const names = wanted.map((program) => packages[program])
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], {
        env,
        stdio: 'pipe',
      })
    } catch (error) {
      process.stderr.write(`apt-get could not install ${wanted.join(', ')}: ${String(error)}\n`)
    }
  }
  return () => {
    const left = missing()
    if (left.length > 0)
      process.stdout.write(`Not installed, so the tests that need them were skipped: ${left.join(', ')}\n`)
  }
}
