import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { filesLeftBehind, filesSetAside } from '../../audit/left-behind.ts'
import type { Config } from '../../config.ts'
import { readLock } from '../../store/lock.ts'
import type { Finding } from './finding.ts'

/** What lies in the spool of this machine's data directory and should not. */
export function checkSpool({ dataDir }: Pick<Config, 'dataDir'>): Finding | null {
  const check = 'spool'
  const directory = join(dataDir, 'spool')
  if (!existsSync(directory)) return null
  const aside = filesSetAside(directory)
  if (aside.length > 0) {
    const message = `${aside.length} file(s) could not be replayed whole, so rows of the trail may be missing: look at them, see the log of the start, and move them away (${aside.slice(0, 3).join(', ')})`
    return { check, level: 'warning', message }
  }
  const isServed = readLock(dataDir)?.alive === true
  const waiting = isServed ? [] : filesLeftBehind(directory, null)
  if (waiting.length > 0) {
    const message = `${waiting.length} file(s) of rows are not in the trail yet: start the server, which takes them in (${directory})`
    return { check, level: 'warning', message }
  }
  return { check, level: 'ok', message: 'no file of it was set aside' }
}
