import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSelfRotationAnswer } from './admin/self-rotation.ts'
import type { Recorder } from './audit/recorder.ts'
import { openRecorder } from './audit/recorder.ts'
import type { Config } from './config.ts'
import type { NoticeSettings } from './config/notices.ts'
import type { JwtIssuer } from './domain/issuer.ts'
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
import { openPglite, openPostgres } from './store/store.ts'
import type { Authenticator } from './verify/authenticator.ts'
import type { VerifyJwt } from './verify/issuer.ts'
import { createIssuer } from './verify/issuer.ts'
import { createKeySet, jwksLimitBytes, jwksTimeoutMs } from './verify/jwks.ts'
import { createJwtAuthenticator } from './verify/jwt-authenticator.ts'
import { createKeyCache } from './verify/key-cache.ts'
import { createKeyReader } from './verify/key-reader.ts'
import type { Lease } from './verify/lease.ts'
import { createLease } from './verify/lease.ts'
import { createServiceKeyAuthenticator } from './verify/service-key-authenticator.ts'
import { createSessionAuthenticator } from './verify/session-authenticator.ts'
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
  /** One pass of what runs by itself once started: what is due is found, recorded and delivered. */
  tick(): Promise<Pass>
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
  const lease = createLease({
    lookups: store.lookups,
    clock,
    onChanges(changes) {
      cache.apply(changes)
      for (const listener of keyListeners) listener(changes)
    },
    onEpochWentBack: (from, to) =>
      log.error(
        { from, to },
        'the epoch went backwards: a restored or lagging database; nothing is accepted',
      ),
    onPollFailed: (error) => log.warn({ err: error }, 'the poll for changes failed'),
  })
  const readKey = createKeyReader({ lookups: store.lookups, cache, lease })
  const verify = createVerify({
    authenticators: [
      createServiceKeyAuthenticator({ prefixes, readKey, lease, clock }),
      createJwtAuthenticator(issuersOf(config.issuers, clock, log)),
      ...(config.sessions === null ? [] : [sessionsOf(config.sessions, clock, log)]),
    ],
    looksLikeToken: scanner.found,
  })

  // What the backend is told.
  const signingKeys = () => config.signingKeys ?? keepSigningKeys(config.dataDir)
  const assertions = createAssertions({
    keys: signingKeys,
    clock,
    epoch: lease.epoch,
  })

  // Administration.
  const keys = createKeys({ store: store.keys, trail: store.trail, clock, policy: config.policy, prefixes })
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
  const administration = createAdministration({
    config,
    store,
    keys,
    notices,
    clock,
    log,
    onFailure: onAdminFailure,
  })

  let recorder: Recorder | null = null

  return {
    config,
    clock,
    log,
    verify,
    lease,
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
    tick: () => notices.tick(),
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
      // A signing key that can't be read or made stops the start.
      assertions.jwks()
      if (config.database !== null && config.signingKeys === null)
        log.warn(
          'POSTERN_SIGNING_KEY is not set: several nodes must share one, or backends refuse their calls',
        )
      const replayed = await recorder.replay()
      if (replayed > 0)
        log.info({ rows: replayed }, 'rows of an earlier run were taken from the spool into the trail')
      lease.start()
      await lease.ensureFresh()
      notices.start()
      return recorder
    },
    async close() {
      lease.stop()
      await notices.stop()
      await recorder?.close(holdMs)
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
