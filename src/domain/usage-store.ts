import type { Outcome } from './call.ts'

/** One day (UTC) of a key. */
export interface DayUsage {
  /** `YYYY-MM-DD`. */
  day: string
  /** All calls, refused ones too. */
  calls: number
  refused: number
}

/** One hour or day (UTC) of a key. */
export interface UsageBucket {
  /** When it begins, in epoch milliseconds. */
  at: number
  calls: number
  /** Calls with the outcome `denied`. */
  refused: number
  /** Calls with the outcome `failed` or `aborted`. */
  failed: number
}

/** What one key did with one tool. */
export interface ToolUsage {
  /** The first 128 characters of its name. */
  tool: string
  calls: Readonly<Record<Outcome, number>>
  /** Of the calls that were carried out, to the width of a bucket; null where there were none whose end is known. */
  p50Ms: number | null
  p95Ms: number | null
  lastAt: number
}

/** The most tools of one key that are told at once. */
export const mostTools = 200

/** For the page: what keys did, from roll-ups by hour and by day, so that nothing reads the trail. */
export interface UsageStore {
  /** Every day from `fromDay` to `toDay` (both `YYYY-MM-DD` and included), oldest first, for each of the keys. */
  days(
    keyIds: readonly string[],
    fromDay: string,
    toDay: string,
  ): Promise<ReadonlyMap<string, readonly DayUsage[]>>
  /** Every bucket that begins within [`from`, `to`), oldest first; `from` is rounded down to the beginning of one. */
  overTime(keyId: string, from: number, to: number, bucket: 'hour' | 'day'): Promise<UsageBucket[]>
  /**
   * The key's tools in the hours that begin within [`from`, `to`), `from` as for `overTime`; most called first, and at
   * most {@link mostTools}: callers choose the names.
   */
  tools(keyId: string, from: number, to: number): Promise<ToolUsage[]>
  /**
   * For each pattern, given by its parts (`tool-pattern.ts`), whether the key called a tool that it fits and was not
   * denied it, in the hours of `tools`. All names count, and not only those that `tools` tells.
   */
  areUsed(
    keyId: string,
    patterns: readonly (readonly string[])[],
    from: number,
    to: number,
  ): Promise<boolean[]>
  /** Tools that calls have named and were not always denied, by name; at most `limit`. */
  knownTools(limit: number): Promise<string[]>
}

/**
 * Upper ends of the buckets that durations are counted in, in milliseconds: each 1.5 times the one before, so that a
 * percentile is right to a fifth. A bucket doesn't hold its upper end; the last one, after these, has none.
 */
export const durationEndsMs: readonly number[] = [
  1, 1.5, 2.2, 3.3, 5, 7.5, 11, 17, 25, 38, 57, 86, 130, 190, 290, 430, 650, 970, 1500, 2200, 3300, 4900,
  7400, 11_000, 17_000, 25_000, 37_000, 56_000, 84_000, 130_000, 190_000,
]

/**
 * The duration, in milliseconds, that this share of the counted calls (0 to 1) stayed below; within a bucket they are
 * taken to be spread evenly. Null where none are counted.
 */
export function percentileMs(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const wanted = total * share
  let below = 0
  for (const [index, count] of counts.entries()) {
    const start = durationEndsMs[index - 1] ?? 0
    const end = durationEndsMs[index] ?? start
    if (count > 0 && below + count >= wanted) return start + ((end - start) * (wanted - below)) / count
    below += count
  }
  return durationEndsMs.at(-1) ?? null
}
