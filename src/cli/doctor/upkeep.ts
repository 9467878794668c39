import type { UpkeepJson } from '../../admin/schemas-upkeep.ts'
import type { Config } from '../../config.ts'
import { shown } from '../terminal.ts'
import type { Finding } from './finding.ts'

const dayMs = 86_400_000
const soonDays = 28
const lateMs = 10 * 60_000

/** Whether the trail has partitions ahead, is signed, and arrives where it is handed on to. */
export function checkUpkeep(
  { partitions, checkpoint, sinks, checkpointKeys }: UpkeepJson,
  { database, trail }: Pick<Config, 'database' | 'trail'>,
  now: number,
): Finding[] {
  const findings = [checkSigning(checkpoint, checkpointKeys, database, trail.checkpointKeys !== null)]
  if (partitions !== null) findings.push(...checkPartitions(partitions, now))
  for (const sink of sinks) findings.push(checkSink(sink, now))
  return findings
}

function checkPartitions(
  { until, canChange, hasStrays }: NonNullable<UpkeepJson['partitions']>,
  now: number,
): Finding[] {
  const check = 'partitions'
  const days = until === null ? 0 : Math.floor((Date.parse(until) - now) / dayMs)
  const how = canChange
    ? 'a running server makes more; see its log'
    : "the servers' role may not make any: run postern migrate or postern tidy by the one that may"
  const findings: Finding[] =
    days >= soonDays
      ? [{ check, level: 'ok', message: `of the trail are there for ${days} days` }]
      : [
          {
            check,
            level: days > 0 ? 'warning' : 'error',
            message:
              days > 0
                ? `of the trail are there for ${days} days only: ${how}`
                : `of the trail have run out: rows go into the default one, where retention is slow; ${how}`,
          },
        ]
  if (hasStrays && days > 0)
    findings.push({
      check,
      level: 'warning',
      message: 'the default one holds rows: of a clock that was far off, or of weeks for which none was made',
    })
  return findings
}

function checkSigning(
  newest: UpkeepJson['checkpoint'],
  keys: readonly string[],
  database: string | null,
  isGiven: boolean,
): Finding {
  const check = 'checkpoint'
  if (newest === null)
    return { check, level: 'warning', message: 'there is none yet: a running server signs one each minute' }
  if (keys.length > 0 && !keys.includes(newest.key))
    return {
      check,
      level: 'warning',
      message: `${newest.number} of ${newest.at} is signed by ${shown(newest.key)}, which is no key of this node: give all nodes the same POSTERN_CHECKPOINT_KEY`,
    }
  if (database !== null && !isGiven)
    return {
      check,
      level: 'warning',
      message: `${newest.number} of ${newest.at}; each node signs by a key of its own data directory: set POSTERN_CHECKPOINT_KEY, the same for all (a single process needs none)`,
    }
  return { check, level: 'ok', message: `${newest.number} of ${newest.at}` }
}

function checkSink(
  { name, batchesBehind, oldestAt, failingSince }: UpkeepJson['sinks'][number],
  now: number,
): Finding {
  const check = 'sink'
  const lateBy = oldestAt === null ? 0 : now - Date.parse(oldestAt)
  const behind = `${shown(name)} is ${batchesBehind} batches and ${Math.round(lateBy / 1000)} s behind`
  if (failingSince !== null)
    return { check, level: 'error', message: `${behind}, and fails since ${failingSince}: see the log` }
  if (lateBy > lateMs) return { check, level: 'warning', message: `${behind}: does a server run?` }
  return { check, level: 'ok', message: behind }
}
