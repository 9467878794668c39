import type { KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { SinkSettings } from '../config/trail.ts'
import type { Clock, Store } from '../domain/ports.ts'
import { keepSigningKeys } from '../identity/signing-key-file.ts'
import type { Logger } from '../log.ts'
import { createOutbound } from '../outbound/outbound.ts'
import { createFileTarget } from '../upkeep/file-target.ts'
import type { SinkTarget } from '../upkeep/sink.ts'
import { createUpkeep, type Upkeep } from '../upkeep/upkeep.ts'
import { createWebhookTarget } from '../upkeep/webhook-target.ts'

/** What keeps the trail in shape, as the settings want it. Nothing is opened before it is used. */
export function openUpkeep(options: {
  config: Config
  store: Store
  clock: Clock
  log: Logger
  /** This process, among those on the database. */
  holder: string
}): Upkeep & {
  /** For a process that takes up service: reads the keys of checkpoints, or makes one. Throws where that can't be. */
  prepare(): void
} {
  const { config, store, clock, log, holder } = options
  const { trail, dataDir } = config
  const send = createOutbound({ allowAddresses: trail.allowAddresses })
  let kept: readonly KeyObject[] | null = trail.checkpointKeys
  let isServing = false

  /** A command that looks at a database from elsewhere has no business making a key, and signs nothing without one. */
  function keys(): readonly KeyObject[] {
    if (kept !== null) return kept
    const mayMake = isServing || config.database === null
    if (!mayMake && !existsSync(join(dataDir, checkpointKeyFile.name))) return []
    kept = keepSigningKeys(dataDir, checkpointKeyFile)
    return kept
  }

  function targetOf({ to }: SinkSettings): SinkTarget {
    if (to.kind === 'webhook') return createWebhookTarget(to, { send, clock })
    return createFileTarget({ path: to.path, rotateBytes: to.rotateBytes, clock })
  }

  const upkeep = createUpkeep({
    ...{ store, clock, holder, log, keepMs: trail.keepMs, checkpointEveryMs: trail.checkpointEveryMs },
    keys,
    sinks: trail.sinks.map((sink) => ({ name: sink.name, only: sink.only, target: targetOf(sink) })),
  })
  return {
    ...upkeep,
    prepare() {
      isServing = true
      keys()
    },
  }
}

const checkpointKeyFile = { name: 'checkpoint-key.pem', variable: 'POSTERN_CHECKPOINT_KEY' }
