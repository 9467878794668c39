import type { Config } from '../../config.ts'
import { openPostgresDatabase } from '../../store/postgres.ts'
import { clockToleranceSeconds } from '../../verify/claims.ts'
import type { Finding } from './finding.ts'

/** Processes that share a database sign by keys of their own, unless they are given one. */
export function checkSigningKey({
  database,
  signingKeys,
}: Pick<Config, 'database' | 'signingKeys'>): Finding | null {
  const check = 'signing'
  if (database === null) return null
  if (signingKeys !== null)
    return { check, level: 'ok', message: 'the signing key is one that processes can share' }
  const message =
    'each process signs by a key of its own data directory, which others on this database refuse: set POSTERN_SIGNING_KEY, the same for all (a single process needs none)'
  return { check, level: 'warning', message }
}

/** How far the database's clock is ahead of this machine's, in milliseconds, give or take. */
export interface ClockDistance {
  aheadMs: number
  uncertaintyMs: number
}

/** Keys and assertions are judged by each process's own clock: all have to agree, and the database is what they share. */
export function checkClock({ aheadMs, uncertaintyMs }: ClockDistance): Finding {
  const check = 'clock'
  const farMs = Math.abs(aheadMs) - uncertaintyMs
  const seconds = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s`
  if (farMs <= clockToleranceSeconds * 1000)
    return { check, level: 'ok', message: `agrees with the database's (${seconds} apart)` }
  const message = `is ${seconds} ${aheadMs > 0 ? 'behind' : 'ahead of'} the database's: keys and tokens then end at the wrong time; let both follow a time server`
  return { check, level: 'warning', message }
}

/** Null where the database doesn't answer, or is embedded and so has this machine's clock. */
export async function measureClock({ database }: Pick<Config, 'database'>): Promise<ClockDistance | null> {
  if (database === null) return null
  const queries = openPostgresDatabase({ connectionString: database })
  try {
    const ask = async () => {
      const startedMs = Date.now()
      const [row] = await queries.read<{ at: number }>('SELECT clock_timestamp() AS at', [])
      const endedMs = Date.now()
      return {
        aheadMs: Number(row?.at) - (startedMs + endedMs) / 2,
        uncertaintyMs: (endedMs - startedMs) / 2,
      }
    }
    // The first answer waits for the connection.
    await ask()
    return await ask()
  } catch {
    return null
  } finally {
    await queries.close()
  }
}
