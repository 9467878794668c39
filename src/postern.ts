import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { createAdminApi } from './admin/api.ts'
import type { Recorder } from './audit/recorder.ts'
import { openRecorder } from './audit/recorder.ts'
import type { Config } from './config.ts'
import type { Clock, TrailStore } from './domain/ports.ts'
import { createTokenScanner } from './domain/service-key.ts'
import type { Keys } from './keys/keys.ts'
import { createKeys } from './keys/keys.ts'
import type { Logger } from './log.ts'
import { createLog } from './log.ts'
import { openPglite, openPostgres } from './store/store.ts'
import { createKeyCache } from './verify/key-cache.ts'
import { createKeyReader } from './verify/key-reader.ts'
import type { Lease } from './verify/lease.ts'
import { createLease } from './verify/lease.ts'
import { createServiceKeyAuthenticator } from './verify/service-key-authenticator.ts'
import type { Verify } from './verify/verify.ts'
import { createVerify } from './verify/verify.ts'

/** How long an answer is held for its row, in milliseconds. */
const holdMs = 5000

/** Postern, wired: what the gateway, the CLI and a program of one's own stand on. */
export interface Postern {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  /** Who sent a request, from its head alone. */
  readonly verify: Verify
  readonly lease: Lease
  readonly keys: Keys
  readonly trail: Pick<TrailStore, 'list'>
  /** Removes whatever has a token's form from a text. */
  readonly maskTokens: (text: string) => string
  /** How many keys the verification cache holds. */
  cachedKeys(): number
  /** The admin API, in process, for whoever may use this data directory. Throws where the schema is not this version's. */
  admin(request: Request): Promise<Response>
  /** Applies the migrations that are missing; answers their numbers. */
  migrate(): Promise<number[]>
  /**
   * Takes up service: migrates, replays what earlier runs left in the spool, and keeps the lease. The caller
   * holds the data directory's lock.
   */
  start(options?: { onCommitted?: (rows: number, tookMs: number) => void }): Promise<Recorder>
  /** Commits what is left of the trail and closes the store. */
  close(): Promise<void>
}

const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

/** All the wiring. Nothing is opened before it is used. */
export function createPostern(config: Config, options: { clock?: Clock; log?: Logger } = {}): Postern {
  const clock = options.clock ?? systemClock
  const { prefixes, schema } = config
  const log = options.log ?? createLog({ level: config.log.level, prefixes })
  const scanner = createTokenScanner(prefixes)

  // The store.
  const store =
    config.database === null
      ? openPglite({ directory: join(config.dataDir, 'pglite'), schema })
      : openPostgres({ connectionString: config.database, schema })

  // Verification.
  const cache = createKeyCache(clock)
  const lease = createLease({
    lookups: store.lookups,
    clock,
    onChanges: (changes) => cache.apply(changes),
    onEpochWentBack: (from, to) =>
      log.error(
        { from, to },
        'the epoch went backwards: a restored or lagging database; nothing is accepted',
      ),
    onPollFailed: (error) => log.warn({ err: error }, 'the poll for changes failed'),
  })
  const readKey = createKeyReader({ lookups: store.lookups, cache, lease })
  const verify = createVerify({
    authenticators: [createServiceKeyAuthenticator({ prefixes, readKey, lease, clock })],
    looksLikeToken: scanner.found,
  })

  // Administration.
  const keys = createKeys({ store: store.keys, clock, policy: config.policy, prefixes })
  const adminApi = createAdminApi({
    keys,
    trail: store.trail,
    // The socket is open to the user that this process runs as, and to nobody else.
    actorOf: () => `local:${userInfo().username}`,
    onFailure: (error) => log.error({ err: error }, 'the admin API failed'),
  })

  let recorder: Recorder | null = null
  let schemaChecked: Promise<void> | null = null

  return {
    config,
    clock,
    log,
    verify,
    lease,
    keys,
    trail: store.trail,
    maskTokens: scanner.mask,
    cachedKeys: () => cache.size().keys,
    async admin(request) {
      schemaChecked ??= store.checkSchema().catch((error: unknown) => {
        schemaChecked = null
        throw error
      })
      await schemaChecked
      return adminApi(request)
    },
    migrate: () => store.migrate(),
    async start({ onCommitted } = {}) {
      await store.migrate()
      recorder = openRecorder({
        trail: store.trail,
        clock,
        log,
        directory: join(config.dataDir, 'spool'),
        writer: nodeId(config.dataDir),
        boot: randomUUID(),
        quotaBytes: config.trail.spoolQuotaBytes,
        holdMs,
        ...(onCommitted === undefined ? {} : { onCommitted }),
      })
      const replayed = await recorder.replay()
      if (replayed > 0)
        log.info({ rows: replayed }, 'rows of an earlier run were taken from the spool into the trail')
      lease.start()
      await lease.ensureFresh()
      return recorder
    },
    async close() {
      lease.stop()
      await recorder?.close(holdMs)
      await store.close()
    },
  }
}

/** This node's name in the trail: made once for a data directory. */
function nodeId(dataDir: string): string {
  const path = join(dataDir, 'node-id')
  if (existsSync(path)) return readFileSync(path, 'utf8').trim()
  const id = randomUUID()
  writeFileSync(path, `${id}\n`, { mode: 0o600, flag: 'wx' })
  return id
}
