import type { NodeStore } from '../domain/node-store.ts'
import type { Clock } from '../domain/ports.ts'
import type { Lease } from './lease.ts'

/** From one report to the next, in milliseconds, where nothing happens in between. */
export const heartbeatIntervalMs = 5_000

/** A clock that is further from the database's than this is said to be wrong, in milliseconds. */
export const clockFarMs = 30_000

const tidyEveryBeats = 12

/**
 * Tells the database of this node: what it has applied, how old its lease is, how far its clock is off. For people,
 * and for those who wait until a change is known everywhere; this node's own freshness never depends on it.
 */
export interface Heartbeat {
  /** Writes the first report, before the node takes up service. Never rejects. */
  start(): Promise<void>
  /** Writes one as soon as can be: what it says has changed. */
  soon(): void
  /** Removes the node's row: it has ended its service. Never rejects. */
  stop(): Promise<void>
  /** How many changes it had not applied when it reported last. */
  lagEpochs(): number
  /** How far the database's clock is ahead, in milliseconds; null until it is measured. */
  clockOffsetMs(): number | null
}

export interface HeartbeatOptions {
  nodes: Pick<NodeStore, 'report' | 'leave' | 'forget'>
  lease: Pick<Lease, 'epoch' | 'ageMs' | 'refusing'>
  clock: Clock
  node: { id: string; boot: string; host: string; version: string }
  /** Told when the clock turns out to be {@link clockFarMs} off, and with false when it is right again. */
  onClockFar: (isFar: boolean, offsetMs: number) => void
  /** Told of the first of several failures. */
  onFailed: (error: unknown) => void
}

export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { nodes, lease, clock, node } = options
  let offsetMs: number | null = null
  let lagEpochs = 0
  let isClockFar = false
  let hasFailed = false
  let beats = 0
  let wanted = false
  let beating: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  let stopped = false

  async function beat(): Promise<void> {
    const appliedEpoch = lease.epoch()
    const leaseAgeMs = lease.ageMs()
    const [wall, monotonic] = [clock.now(), clock.monotonic()]
    const { epoch, at } = await nodes.report({
      ...node,
      appliedEpoch,
      leaseAgeMs: Number.isFinite(leaseAgeMs) ? leaseAgeMs : null,
      clockOffsetMs: offsetMs,
      refusing: lease.refusing(),
    })
    lagEpochs = Math.max(0, epoch - appliedEpoch)
    const tookMs = clock.monotonic() - monotonic
    const wasMeasured = offsetMs !== null
    offsetMs = at - (wall + tookMs / 2)
    const isFar = Math.abs(offsetMs) - tookMs / 2 > clockFarMs
    if (isFar !== isClockFar) options.onClockFar(isFar, offsetMs)
    // What was measured goes along with the next; the first one should not wait for it.
    if (!wasMeasured || isFar !== isClockFar) wanted = true
    isClockFar = isFar
    if (++beats % tidyEveryBeats === 1) await nodes.forget()
  }

  function beatNow(): Promise<void> {
    wanted = true
    beating ??= beatAll().finally(() => {
      beating = null
      if (!stopped) timer = setTimeout(() => void beatNow(), heartbeatIntervalMs).unref()
    })
    return beating
  }

  async function beatAll(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    timer = null
    while (wanted && !stopped) {
      wanted = false
      try {
        await beat()
        hasFailed = false
      } catch (error) {
        if (!hasFailed) options.onFailed(error)
        hasFailed = true
        return
      }
    }
  }

  return {
    start: () => beatNow(),
    soon() {
      if (!stopped) void beatNow()
    },
    async stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      timer = null
      await beating
      // A row that stays is seen to grow old.
      if (beats > 0) await nodes.leave(node.boot).catch(() => {})
    },
    lagEpochs: () => lagEpochs,
    clockOffsetMs: () => offsetMs,
  }
}
