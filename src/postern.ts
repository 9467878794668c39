import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createOwnKeyAnswer, createSelfRotationAnswer } from './admin/self-rotation.ts'
import type { Recorder } from './audit/recorder.ts'
import { openRecorder } from './audit/recorder.ts'
import type { Config } from './config.ts'
import type { NoticeSettings } from './config/notices.ts'
import type { JwtIssuer } from './domain/issuer.ts'
import { limitsAnything } from './domain/limit.ts'
import type { ChangedSubject, Clock, TrailStore } from './domain/ports.ts'
import { createTokenScanner } from './domain/service-key.ts'
import type { SessionSystem } from './domain/session.ts'
import type { Assertions } from './identity/assertions.ts'
import { createAssertions } from './identity/assertions.ts'
import type { KeyPurpose } from './identity/deployment-keys.ts'
import { createKeyedDigest, deploymentKeys } from './identity/deployment-keys.ts'
import { keepSigningKeys } from './identity/signing-key-file.ts'
import type { Keys } from './keys/keys.ts'
import { createKeys } from './keys/keys.ts'
import type { Limiter } from './limits/limiter.ts'
import type { Logger } from './log.ts'
import { createLog } from './log.ts'
import { createEmailSender } from './notices/email.ts'
import type { Pass } from './notices/notices.ts'
import { createNotices } from './notices/notices.ts'
import type { Sender } from './notices/sender.ts'
import { createSlackSender } from './notices/slack.ts'
import { createWebhookSender } from './notices/webhook.ts'
import { createOutbound } from './outbound/outbound.ts'
import { createAdministration, type Administration } from './postern/administration.ts'
import { openLimiter } from './postern/limits.ts'
import { openUpkeep } from './postern/upkeep.ts'
import type { Upkeep } from './upkeep/upkeep.ts'
import { lockSpool } from './postern/spool-lock.ts'
import { createPresence, logRefusing, type NodeStanding } from './postern/presence.ts'
import type { Lock } from './store/lock.ts'
import { openPglite, openPostgres } from './store/store.ts'
import type { Authenticator } from './verify/authenticator.ts'
import type { VerifyJwt } from './verify/issuer.ts'
import { createIssuer } from './verify/issuer.ts'
import { createKeySet, jwksLimitBytes, jwksTimeoutMs } from './verify/jwks.ts'
import { createJwtAuthenticator } from './verify/jwt-authenticator.ts'
import { createKeyCache } from './verify/key-cache.ts'
import type { Heartbeat } from './verify/heartbeat.ts'
import { createKeyReader } from './verify/key-reader.ts'
import { createLastPosition } from './verify/last-position.ts'
import type { Lease } from './verify/lease.ts'
import { createLease } from './verify/lease.ts'
import { createNodes } from './verify/nodes.ts'
import { createServiceKeyAuthenticator } from './verify/service-key-authenticator.ts'
import { createSessionAuthenticator } from './verify/session-authenticator.ts'
import { createUnknownKeys } from './verify/unknown-keys.ts'
import type { Verify } from './verify/verify.ts'
import { createVerify } from './verify/verify.ts'

/** How long an answer is held for its row, in milliseconds. */
const holdMs = 5000

/** Postern, wired: what the gateway, the CLI and a program of one's own stand on. */
export interface Postern extends Administration {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  /** Who sent a request, from its head alone. */
  readonly verify: Verify
  readonly lease: Lease
  /** How much callers may do. */
  readonly limiter: Limiter
  /** How this node stands among those on its database. */
  standing(): NodeStanding
  /** Tells of changes to keys and service users as they are learned; answers what ends the telling. */
  onKeyChanges(listener: KeyChangesListener): () => void
  /** Keys of the deployment's own for one purpose, the same on all its nodes; ready once started. */
  deploymentKeys(purpose: KeyPurpose): readonly Buffer[]
  /** The HMAC-SHA-256 of the exact text of a call's arguments, in hexadecimal; null unless the settings ask for it. */
  readonly argumentsHmac: ((text: string) => string) | null
  /** What backends are told of a caller, signed; ready once started. */
  readonly assertions: Assertions
  readonly keys: Keys
  readonly trail: Pick<TrailStore, 'list'>
  /** Removes whatever has a token's form from a text. */
  readonly maskTokens: (text: string) => string
  /** How many keys the verification cache holds. */
  cachedKeys(): number
  /** Rotates a key whose own token has been verified, at its own wish: the whole answer. Never rejects. */
  selfRotate(keyId: string, idempotencyKey: string): Promise<Response>
  /** Tells a key, whose own token has been verified, about itself: the whole answer. Never rejects. */
  describeKey(keyId: string): Promise<Response>
  /** One pass of what runs by itself once started: notices that are due, and all that keeps the trail in shape. */
  tick(): Promise<Pass>
  /** Checkpoints, retention, partitions and sinks. */
  readonly upkeep: Upkeep
  /** Applies the migrations that are missing; answers their numbers. */
  migrate(): Promise<number[]>
  /**
   * Takes up service: migrates, replays what earlier runs left in the spool, and keeps the lease. The caller
   * holds the data directory's lock.
   */
  start(options?: { onCommitted?: (rows: number, tookMs: number) => void }): Promise<Recorder>
  /** Gives the spool back while the process exits: what is left of the trail is in it. Synchronous. */
  abandon(): void
  /** Commits what is left of the trail and closes the store. */
  close(): Promise<void>
}

type KeyChangesListener = (changes: readonly ChangedSubject[] | 'all') => void

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
  const keyListeners = new Set<KeyChangesListener>()
  const lastPosition = createLastPosition({
    dataDir: config.dataDir,
    onFailed: (error) =>
      log.warn({ err: error }, 'what this node has applied cannot be kept for its restart'),
  })
  let heartbeat: Heartbeat | null = null
  const lease = createLease({
    lookups: store.lookups,
    clock,
    onChanges(changes) {
      cache.apply(changes)
      for (const listener of keyListeners) listener(changes)
    },
    recall: lastPosition.recall,
    onApplied(position) {
      lastPosition.keep(position)
      heartbeat?.soon()
    },
    onRefusing(why, applied, found) {
      logRefusing(log, why, applied, found)
      heartbeat?.soon()
    },
    onPollFailed: (error) => log.warn({ err: error }, 'the poll for changes failed'),
  })
  const unknownKeys = createUnknownKeys({ clock, ...config.limits.badKeys })
  const readKey = createKeyReader({ lookups: store.lookups, cache, lease, unknownKeys })
  const verify = createVerify({
    authenticators: [
      createServiceKeyAuthenticator({ prefixes, readKey, lease, clock }),
      createJwtAuthenticator(issuersOf(config.issuers, clock, log)),
      ...(config.sessions === null ? [] : [sessionsOf(config.sessions, clock, log)]),
    ],
    looksLikeToken: scanner.found,
  })

  // How much callers may do.
  const limiter = openLimiter({ config, store, clock, log })

  // What the backend is told.
  const signingKeys = () => config.signingKeys ?? keepSigningKeys(config.dataDir)
  const assertions = createAssertions({
    keys: signingKeys,
    clock,
    epoch: lease.epoch,
  })

  // Administration.
  const keys = createKeys({
    store: store.keys,
    trail: store.trail,
    clock,
    policy: { ...config.policy, limitsAllKeys: limitsAnything(config.limits.perKey) },
    prefixes,
  })
  const senders = sendersOf(config.notices, clock)
  const notices = createNotices({
    store: store.notices,
    clock,
    senders,
    log,
    // A lost answer can be asked for again as long as the old key lives.
    idempotencyKeysLiveMs: Math.max(config.policy.maxOverlapMs, 30 * 86_400_000),
  })
  const onAdminFailure = (error: unknown) => log.error({ err: error }, 'the admin API failed')
  const selfRotate = createSelfRotationAnswer(keys, onAdminFailure)
  const describeKey = createOwnKeyAnswer(keys, clock, onAdminFailure)
  const upkeep = openUpkeep({ config, store, clock, log, holder: randomUUID() })
  const worker: typeof notices = {
    ...notices,
    async tick(patienceMs = Infinity) {
      // Both at once, so that a sink that hangs keeps no notice back.
      const kept = upkeep
        .tick()
        .catch((error: unknown) => log.error({ err: error }, 'the upkeep of the trail failed'))
        .then(() => true)
      const [pass, isOver] = await Promise.all([
        notices.tick(patienceMs),
        patienceMs === Infinity ? kept : Promise.race([kept, setTimeout(patienceMs, false, { ref: false })]),
      ])
      return { ...pass, isOver: pass.isOver && isOver }
    },
  }
  const administration = createAdministration({
    config,
    store,
    keys,
    notices: worker,
    upkeep,
    nodes: {
      ...createNodes({ store: store.nodes, clock }),
      sealsAt: store.sealedTrail.sealsAt,
      sequenceGaps: store.trail.sequenceGaps,
    },
    clock,
    log,
    onFailure: onAdminFailure,
  })

  let recorder: Recorder | null = null
  let spoolLock: Lock | null = null

  return {
    config,
    clock,
    log,
    verify,
    lease,
    limiter,
    standing: () => ({
      lagEpochs: heartbeat?.lagEpochs() ?? 0,
      clockOffsetMs: heartbeat?.clockOffsetMs() ?? null,
      refusing: lease.refusing(),
    }),
    onKeyChanges(listener) {
      keyListeners.add(listener)
      return () => void keyListeners.delete(listener)
    },
    deploymentKeys: (purpose) => deploymentKeys(signingKeys(), purpose),
    argumentsHmac: config.trail.argumentsHmac
      ? createKeyedDigest(() => deploymentKeys(signingKeys(), 'arguments'))
      : null,
    assertions,
    keys,
    trail: store.trail,
    maskTokens: scanner.mask,
    cachedKeys: () => cache.size().keys,
    ...administration,
    selfRotate,
    describeKey,
    tick: () => worker.tick(),
    upkeep,
    async migrate() {
      const applied = await store.migrate()
      await upkeep.makePartitions()
      return applied
    },
    async start({ onCommitted } = {}) {
      await store.migrate()
      const [id, boot] = [nodeId(config.dataDir), randomUUID()]
      const spoolDirectory = join(config.dataDir, 'spool')
      spoolLock = await lockSpool(spoolDirectory)
      recorder = openRecorder({
        trail: store.trail,
        clock,
        log,
        directory: spoolDirectory,
        writer: id,
        boot,
        quotaBytes: config.trail.spoolQuotaBytes,
        holdMs,
        ...(onCommitted === undefined ? {} : { onCommitted }),
      })
      // A signing key that can't be read or made stops the start.
      assertions.jwks()
      if (config.database !== null && config.signingKeys === null)
        log.warn(
          'POSTERN_SIGNING_KEY is not set: several nodes must share one, or backends refuse their calls',
        )
      // So does one for checkpoints.
      upkeep.prepare()
      if (config.database !== null && config.trail.checkpointKeys === null)
        log.warn(
          'POSTERN_CHECKPOINT_KEY is not set: each node signs checkpoints of the trail by a key of its own data directory',
        )
      const replayed = await recorder.replay()
      if (replayed > 0)
        log.info({ rows: replayed }, 'rows of an earlier run were taken from the spool into the trail')
      // Its row is there before it is fresh: who waits for the nodes to know of a change waits for this one too.
      heartbeat = createPresence({ nodes: store.nodes, lease, clock, log, id, boot })
      await heartbeat.start()
      await limiter.start()
      lease.start()
      await lease.ensureFresh()
      notices.start()
      upkeep.start()
      return recorder
    },
    abandon() {
      spoolLock?.release()
    },
    async close() {
      lease.stop()
      await notices.stop()
      await upkeep.stop()
      await recorder?.close(holdMs)
      spoolLock?.release()
      await limiter.close()
      await heartbeat?.stop()
      await lastPosition.settled()
      await store.close()
    },
  }
}

function issuersOf(issuers: readonly JwtIssuer[], clock: Clock, log: Logger): Map<string, VerifyJwt> {
  const verifiers = new Map<string, VerifyJwt>()
  for (const settings of issuers) {
    const { issuer, jwksUrl: url, jwksMaxAgeMs: maxAgeMs, allowAddresses } = settings
    const send = createOutbound({
      allowAddresses,
      totalTimeoutMs: jwksTimeoutMs,
      answerBytes: jwksLimitBytes,
    })
    const onFailure = (cause: string) =>
      log.warn({ issuer, cause }, 'the keys of an issuer cannot be fetched')
    const keys = createKeySet({ url, send, clock, maxAgeMs, onFailure })
    verifiers.set(issuer, createIssuer(settings, keys, clock))
  }
  return verifiers
}

function sessionsOf(sessions: SessionSystem, clock: Clock, log: Logger): Authenticator {
  const onFailure = (error: unknown) => log.error({ err: error }, 'the session system failed')
  return createSessionAuthenticator({ sessions, clock, onFailure })
}

function sendersOf(
  { email, webhooks, slack, pageUrl, allowAddresses }: NoticeSettings,
  clock: Clock,
): Sender[] {
  const send = createOutbound({ allowAddresses })
  const senders: Sender[] = []
  if (email !== null) senders.push(createEmailSender({ ...email, pageUrl }))
  if (webhooks.length > 0) senders.push(createWebhookSender(webhooks, { send, clock }))
  if (slack !== null) senders.push(createSlackSender({ url: slack.url, pageUrl }, { send }))
  return senders
}

/** This node's name in the trail: made once for a data directory. */
function nodeId(dataDir: string): string {
  const path = join(dataDir, 'node-id')
  if (existsSync(path)) return readFileSync(path, 'utf8').trim()
  const id = randomUUID()
  writeFileSync(path, `${id}\n`, { mode: 0o600, flag: 'wx' })
  return id
}
