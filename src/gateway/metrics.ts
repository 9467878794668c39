import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Reason } from '../domain/verdict.ts'

export interface MetricsSources {
  leaseAgeMs: () => number
  epoch: () => number
  trailBacklog: () => number
  trailIsAway: () => boolean
  cachedKeys: () => number
}

export interface Metrics {
  answered(outcome: 'forwarded' | 'denied', reason: Reason | null, durationMs: number): void
  committed(rows: number, tookMs: number): void
  /** Prometheus text format. */
  text(): Promise<string>
  contentType: string
}

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
  gauge('postern_trail_backlog_rows', 'Rows of the trail that wait for the database.', sources.trailBacklog)
  gauge('postern_trail_away', '1 while the trail cannot be committed.', () => (sources.trailIsAway() ? 1 : 0))
  gauge('postern_cached_keys', 'Keys in the verification cache.', sources.cachedKeys)

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read()
        // Prometheus reads infinities, but nothing good follows from averaging them.
        this.set(Number.isFinite(value) ? value : -1)
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
