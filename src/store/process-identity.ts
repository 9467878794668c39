import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** Which process, on which host, since which boot: what tells it from a later one with the same pid. */
export interface ProcessIdentity {
  pid: number
  /** In ticks since boot (Linux) or as a date (macOS); compared, never read. */
  startedAt: string
  host: string
  boot: string
}

/** The identity of this process. Throws where the system tells neither boot nor start. */
export function ownIdentity(): ProcessIdentity {
  const startedAt = processStart(process.pid)
  if (startedAt === null) throw new Error("the system doesn't say when this process started")
  return { pid: process.pid, startedAt, host: hostname(), boot: bootId() }
}

/**
 * Whether the process still lives: `elsewhere` for another host or boot of it, where nothing can be said. (A
 * host that was booted anew has none of its old processes, but a boot id can also differ because another
 * machine has the same name.)
 */
export function livenessOf(identity: ProcessIdentity): 'alive' | 'dead' | 'elsewhere' {
  if (identity.host !== hostname() || identity.boot !== bootId()) return 'elsewhere'
  return processStart(identity.pid) === identity.startedAt ? 'alive' : 'dead'
}

function bootId(): string {
  if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return command('sysctl', ['-n', 'kern.boottime']) ?? ''
}

/** When a process started; null where there is none of this pid, or only its exit status. */
function processStart(pid: number): string | null {
  if (process.platform !== 'linux') return command('ps', ['-o', 'lstart=', '-p', String(pid)]) || null
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command's name in parentheses, and may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state] = fields
    return state === 'Z' || state === 'X' ? null : (fields[22 - 3] ?? null)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return null
    throw error
  }
}

/** The output of a command in a fixed language and time zone; null where it fails, as `ps` does for no process. */
function command(name: string, args: string[]): string | null {
  try {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' }
    return execFileSync(name, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return null
  }
}
