import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Reason } from '../domain/verdict.ts'
import type { NodeStanding } from '../postern/presence.ts'
import type { TrailState } from '../upkeep/upkeep.ts'

export interface MetricsSources {
  leaseAgeMs: () => number
  epoch: () => number
  /** How this node stands among those on its database. */
  standing: () => NodeStanding
  trailBacklog: () => number
  trailIsAway: () => boolean
  spooledBytes: () => number
  filesSetAside: () => number
  cachedKeys: () => number
  /** What was last known of partitions, checkpoints and sinks; null before. */
  trail: () => TrailState | null
  /** Whether what limits are counted in can't be asked at present. */
  limitsAreAway: () => boolean
}

export interface Metrics {
  answered(outcome: 'forwarded' | 'denied', reason: Reason | null, durationMs: number): void
  committed(rows: number, tookMs: number): void
  /** Prometheus text format. */
  text(): Promise<string>
  contentType: string
}

const limitReasons: ReadonlySet<string> = new Set<Reason>([
  'rate_limited',
  'quota_exhausted',
  'too_many_at_once',
])

/** What the node tells Prometheus. Labels come from closed lists only: never a key, a user or a path. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  // Counted by hand and handed over when asked: a labelled increment a call would cost more than the verify.
  const counts = new Map<string, { outcome: string; reason: string; count: number }>()
  const registers = [registry]

  new Counter({
    name: 'postern_requests_total',
    help: 'Requests answered, by outcome and reason.',
    labelNames: ['outcome', 'reason'],
    registers,
    collect() {
      this.reset()
      for (const { outcome, reason, count } of counts.values()) this.inc({ outcome, reason }, count)
    },
  })
  new Counter({
    name: 'postern_limited_total',
    help: 'Requests beyond a limit, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const { reason, count } of counts.values())
        if (limitReasons.has(reason)) this.inc({ reason }, count)
    },
  })
  const duration = new Histogram({
    name: 'postern_request_duration_seconds',
    help: 'From the arrival of a request to the end of its answer.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers,
  })
  const commit = new Histogram({
    name: 'postern_trail_commit_seconds',
    help: 'How long the database took for a batch of the trail.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  })
  const rowsTotal = new Counter({
    name: 'postern_trail_rows_total',
    help: 'Rows of the trail that the database has taken.',
    registers,
  })
  gauge(
    'postern_lease_age_seconds',
    'Age of the last successful poll; over 0.9 the node refuses.',
    () => sources.leaseAgeMs() / 1000,
  )
  gauge('postern_epoch', 'The last change to keys that this node has applied.', sources.epoch)
  // Of this node only, which is what is scraped: with an id for a label each restart of a container would be a series.
  gauge(
    'postern_node_lag_epochs',
    'Changes that this node had not applied when it reported last.',
    () => sources.standing().lagEpochs,
  )
  gauge('postern_node_refusing', '1 while it refuses every key, until a restore is acknowledged.', () =>
    sources.standing().refusing === null ? 0 : 1,
  )
  gauge(
    'postern_node_clock_offset_seconds',
    "How far the database's clock is ahead of this node's; NaN until it is measured.",
    () => (sources.standing().clockOffsetMs ?? Number.NaN) / 1000,
    Number.NaN,
  )
  gauge('postern_trail_backlog_rows', 'Rows of the trail that wait for the database.', sources.trailBacklog)
  gauge('postern_trail_away', '1 while the trail cannot be committed.', () => (sources.trailIsAway() ? 1 : 0))
  gauge('postern_limits_away', '1 while Redis, where limits are counted, cannot be asked.', () =>
    sources.limitsAreAway() ? 1 : 0,
  )
  gauge(
    'postern_trail_checkpoint_age_seconds',
    'Since the newest checkpoint was signed, which is while seals move; NaN where there is none.',
    () => (Date.now() - (sources.trail()?.checkpoint?.at ?? Number.NaN)) / 1000,
    Number.NaN,
  )
  gauge(
    'postern_trail_partitions_seconds',
    'Until rows of the trail have no partition of their own; NaN without partitions (embedded).',
    () => {
      const partitions = sources.trail()?.partitions ?? null
      return partitions === null ? Number.NaN : Math.max(0, ((partitions.until ?? 0) - Date.now()) / 1000)
    },
    Number.NaN,
  )
  new Gauge({
    name: 'postern_trail_sink_lag_seconds',
    help: 'Since the oldest batch was recorded that has not arrived at the sink; 0: all have.',
    labelNames: ['sink'],
    registers,
    collect() {
      this.reset()
      for (const { name: sink, oldestAt } of sources.trail()?.sinks ?? [])
        this.set({ sink }, oldestAt === null ? 0 : Math.max(0, (Date.now() - oldestAt) / 1000))
    },
  })
  gauge('postern_spool_bytes', 'Bytes of the spool that wait for the database.', sources.spooledBytes)
  gauge(
    'postern_spool_files_set_aside',
    'Files of the spool that could not be replayed whole: rows of the trail may be missing.',
    sources.filesSetAside,
  )
  gauge('postern_cached_keys', 'Keys in the verification cache.', sources.cachedKeys)

  /** Prometheus reads infinities, but nothing good follows from averaging them: `unless` stands in for them. */
  function gauge(name: string, help: string, read: () => number, unless = -1): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read()
        this.set(Number.isFinite(value) ? value : unless)
      },
    })
  }

  return {
    answered(outcome, reason, durationMs) {
      const name = `${outcome} ${reason}`
      const entry = counts.get(name)
      if (entry === undefined) counts.set(name, { outcome, reason: reason ?? '', count: 1 })
      else entry.count++
      duration.observe(durationMs / 1000)
    },
    committed(rows, tookMs) {
      rowsTotal.inc(rows)
      commit.observe(tookMs / 1000)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
