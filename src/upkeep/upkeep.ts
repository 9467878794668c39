import type { KeyObject } from 'node:crypto'
import { publicKeyOf, readCheckpoint } from '../domain/checkpoint.ts'
import type { Clock, Store } from '../domain/ports.ts'
import { createCheckpoints } from './checkpoints.ts'
import { exportSealed } from './export-sealed.ts'
import { createLeasedJob, type LeasedJob, type LeasedJobOptions } from './leased-job.ts'
import { followTrail, type SinkTarget } from './sink.ts'
import { createTidy, weeksAhead, type Tidied } from './tidy.ts'

/** How the trail stands, for people and metrics. Times in epoch milliseconds. */
export interface TrailState {
  /** Where rows have partitions: until when, and who may make more. Null embedded. */
  partitions: { until: number | null; canChange: boolean; hasStrays: boolean } | null
  /** The newest checkpoint; null where there is none. */
  checkpoint: { number: number; at: number; keepsFrom: number; key: string } | null
  sinks: { name: string; batchesBehind: number; oldestAt: number | null; failingSince: number | null }[]
}

/** What keeps the trail in shape: checkpoints, retention, partitions, sinks. */
export interface Upkeep {
  /** Once started each job runs by itself, on one node at a time. */
  start(): void
  stop(): Promise<void>
  /** Makes partitions ahead, where this role may; answers how many. */
  makePartitions(): Promise<number>
  /** One pass of the tidy-up; null where another node is at it. */
  tidyUp(): Promise<Tidied | null>
  /** One pass of each job, by hand; what went wrong first is thrown at the end. */
  tick(): Promise<void>
  state(): Promise<TrailState>
  /** What was last known of it, without asking the database; null before. */
  lastState(): TrailState | null
  /** The public keys by which this deployment signs: the first at present. */
  checkpointKeys(): string[]
  /** The trail for verification, with a checkpoint over all that is there by now. */
  exportSealed(after: number | null): AsyncGenerator<string>
}

export interface UpkeepOptions {
  store: Pick<Store, 'sealedTrail' | 'checkpoints' | 'sinks' | 'upkeep' | 'jobs'>
  clock: Clock
  holder: string
  keepMs: number
  checkpointEveryMs: number
  /** Asked for at the first use: the first signs; none: nothing is signed. */
  keys: () => readonly KeyObject[]
  sinks: readonly { name: string; only: 'checkpoints' | null; target: SinkTarget }[]
  log: LeasedJobOptions['log']
}

const tidyEveryMs = 10 * 60_000
const sinkEveryMs = 2_000
const lookEveryMs = 30_000
const graceMs = 10_000
/** From then on the log says that partitions run out. */
const soonMs = 28 * 86_400_000

export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { store, clock, holder, keepMs, log } = options
  const shared = { leases: store.jobs, holder, clock, log }
  const tidy = createTidy(store)
  let signing: KeyObject | null = null
  const checkpoints = createCheckpoints({
    ...{ trail: store.sealedTrail, store: store.checkpoints, clock, keepMs },
    key: () => (signing ??= firstOf(options.keys())),
  })
  let tidied: Tidied | null = null
  let last: TrailState | null = null
  let lookTimer: NodeJS.Timeout | undefined

  const checkpointJob = createLeasedJob({
    ...{ ...shared, name: 'checkpoints', everyMs: options.checkpointEveryMs },
    async pass() {
      if (options.keys().length > 0) await checkpoints.sign()
    },
  })
  const tidyJob = createLeasedJob({
    ...{ ...shared, name: 'tidy', everyMs: tidyEveryMs },
    async pass(_, isStopped) {
      tidied = await tidy.pass(isStopped)
      report(tidied)
    },
  })
  const sinkJobs = new Map<string, LeasedJob>(
    options.sinks.map((sink) => [
      sink.name,
      createLeasedJob({
        ...{ ...shared, name: `sink ${sink.name}`, everyMs: sinkEveryMs },
        pass: (hold) => followTrail({ ...sink, store }, hold),
      }),
    ]),
  )
  const jobs = [checkpointJob, tidyJob, ...sinkJobs.values()]

  function report({ made, tables, rows, partitions }: Tidied): void {
    if (made > 0) log.info({ partitions: made }, 'partitions were made ahead')
    if (tables.length > 0 || rows > 0) log.info({ tables, rows }, 'retention took old rows out of the trail')
    if (partitions === null) return
    const left = partitions.until === null ? 0 : partitions.until - clock.now()
    if (left < soonMs)
      log[left > 0 ? 'warn' : 'error'](
        { days: Math.max(0, Math.floor(left / 86_400_000)), canChange: partitions.canChange },
        'the partitions of the trail run out: run `postern migrate` or `postern tidy` by a role that may change tables',
      )
  }

  async function look(): Promise<TrailState> {
    const [partitions, newest, lags] = await Promise.all([
      store.upkeep.partitions(),
      store.checkpoints.newest(),
      Promise.all(options.sinks.map(({ name }) => store.sinks.lag(name))),
    ])
    const checkpoint = newest === null ? null : readCheckpoint(newest.text)
    last = {
      partitions,
      checkpoint:
        checkpoint === null || newest === null
          ? null
          : {
              number: checkpoint.number,
              at: checkpoint.at,
              keepsFrom: checkpoint.keepsFrom,
              key: newest.key,
            },
      sinks: options.sinks.map(({ name, only }, index) => ({
        name,
        batchesBehind: only === null ? (lags[index]?.batches ?? 0) : 0,
        oldestAt: only === null ? (lags[index]?.oldestAt ?? null) : null,
        failingSince: sinkJobs.get(name)?.failingSince() ?? null,
      })),
    }
    return last
  }

  function lookLater(): void {
    lookTimer = setTimeout(
      () =>
        void look()
          .catch(() => {})
          .then(lookLater),
      lookEveryMs,
    ).unref()
  }

  return {
    start() {
      for (const job of jobs) job.start()
      lookLater()
    },
    async stop() {
      clearTimeout(lookTimer)
      // What is cut off is repeated later.
      await Promise.race([
        Promise.all(jobs.map((job) => job.stop())),
        new Promise((resolve) => setTimeout(resolve, graceMs).unref()),
      ])
      clearTimeout(lookTimer)
    },
    async makePartitions() {
      const found = await store.upkeep.partitions()
      if (found?.canChange !== true) return 0
      return await store.upkeep.createAhead((await store.checkpoints.moment()).now, weeksAhead)
    },
    async tidyUp() {
      tidied = null
      await tidyJob.run()
      return tidied
    },
    async tick() {
      // In this order: retention goes by a checkpoint, and sinks want the newest.
      const failed: unknown[] = []
      for (const job of jobs) {
        // oxlint-disable-next-line no-await-in-loop
        await job.run().catch((error: unknown) => failed.push(error))
      }
      if (failed.length > 0) throw failed[0]
    },
    state: look,
    lastState: () => last,
    checkpointKeys: () => options.keys().map(publicKeyOf),
    async *exportSealed(after) {
      // Where another node signs at present, its checkpoint will do.
      await checkpointJob.run()
      yield* exportSealed(store, { after })
    },
  }
}

function firstOf(keys: readonly KeyObject[]): KeyObject {
  const [key] = keys
  if (key === undefined) throw new TypeError('there is no key to sign checkpoints with')
  return key
}
