import type { CallRecord, EndRecord } from '../../src/domain/call.ts'
import type { TrailBatch, TrailStore } from '../../src/domain/ports.ts'
import { StoreUnavailable } from '../../src/domain/ports.ts'

/** The trail in memory, as the stores keep it: a row that is there already stays as it is. */
export interface FakeTrail extends Pick<TrailStore, 'append'> {
  readonly calls: Map<string, CallRecord>
  readonly ends: Map<string, EndRecord>
  /** Every batch that was asked for, also those that failed. */
  readonly attempts: TrailBatch[]
  /** Each write of last uses. */
  readonly lastUses: Map<string, number>[]
  mostAtOnce: number
  /** The database can't be reached. */
  isAway: boolean
  /** The batch is committed, and then the answer is lost. */
  losesAnswers: boolean
  /** Batches with such a row are refused for good. */
  isPoison: (row: CallRecord | EndRecord) => boolean
  /** Where set, a batch waits for {@link FakeTrail.release} before it is committed. */
  isHeld: boolean
  release(): void
}

export function createFakeTrail(): FakeTrail {
  let underWay = 0
  let waiting: (() => void)[] = []

  const trail: FakeTrail = {
    calls: new Map(),
    ends: new Map(),
    attempts: [],
    lastUses: [],
    mostAtOnce: 0,
    isAway: false,
    losesAnswers: false,
    isPoison: () => false,
    isHeld: false,
    release() {
      trail.isHeld = false
      const all = waiting
      waiting = []
      for (const go of all) go()
    },
    async append({ calls, ends, lastUsed }) {
      trail.attempts.push({ calls: structuredClone(calls), ends: structuredClone(ends), lastUsed })
      trail.mostAtOnce = Math.max(trail.mostAtOnce, ++underWay)
      try {
        if (trail.isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        else await Promise.resolve()
        if (trail.isAway) throw new StoreUnavailable('away')
        if ([...calls, ...ends].some((row) => trail.isPoison(row))) throw new TypeError('a row is refused')
        for (const call of calls)
          if (!trail.calls.has(call.id)) trail.calls.set(call.id, structuredClone(call))
        for (const end of ends)
          if (!trail.ends.has(end.callId)) trail.ends.set(end.callId, structuredClone(end))
        if (lastUsed.size > 0) trail.lastUses.push(new Map(lastUsed))
        if (trail.losesAnswers) throw new StoreUnavailable('the answer was lost')
      } finally {
        underWay--
      }
    },
  }
  return trail
}
