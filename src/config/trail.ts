import type { KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { z } from 'zod'
import { block, endpointUrl, secret } from './notices.ts'
import { trailMode } from './route.ts'
import { section } from './section.ts'
import { byteCount, duration, signingKeys, text } from './values.ts'

/** How the trail is written, kept, signed and handed on. */
export interface TrailSettings {
  mode: 'strict' | 'spool'
  spoolQuotaBytes: number
  /** Whether the trail keeps an HMAC of the arguments of calls, under a key of the deployment. */
  argumentsHmac: boolean
  /** How long rows are kept. */
  keepMs: number
  checkpointEveryMs: number
  /** What checkpoints are signed with: the first signs, all are told. Null: those of the data directory. */
  checkpointKeys: readonly KeyObject[] | null
  sinks: readonly SinkSettings[]
  /** CIDR blocks that sinks' webhooks may lie in although they aren't public. */
  allowAddresses: readonly string[]
}

/** Where the trail is handed on to. */
export interface SinkSettings {
  name: string
  /** All of the trail, or the checkpoints alone. */
  only: 'checkpoints' | null
  to:
    | { kind: 'file'; path: string; rotateBytes: number }
    | { kind: 'webhook'; url: string; secrets: readonly string[] }
}

const miB = 1024 * 1024
const nameRight = 'must have 1 to 40 lower-case letters, digits and -, such as "archive"'
const fileRight = 'must be the path of a file, such as "./trail.jsonl"'
const secretsRight = 'must be a list of 1 to 5 secrets; each signs'
const toRight = 'must have either a file or a webhook'
const objectRight = 'must be an object'

const sink = z
  .strictObject(
    {
      name: text(nameRight).regex(/^[a-z0-9-]{1,40}$/, { error: nameRight }),
      only: z.literal('checkpoints', { error: 'must be "checkpoints", or left out for all' }).optional(),
      file: text(fileRight)
        .min(1, { error: fileRight })
        .refine((path) => !path.includes('\0'), { error: fileRight })
        .optional(),
      rotateBytes: byteCount(miB, 1024 * 1024 * miB).default(256 * miB),
      webhook: z
        .strictObject(
          {
            url: endpointUrl,
            secrets: z
              .array(secret, { error: secretsRight })
              .min(1, { error: secretsRight })
              .max(5, { error: secretsRight }),
          },
          { error: objectRight },
        )
        .optional(),
    },
    { error: objectRight },
  )
  .refine(({ file, webhook }) => (file === undefined) !== (webhook === undefined), { error: toRight })

/** The `trail` of the settings. */
export const trailSettings = section({
  mode: trailMode.default('strict'),
  argumentsHmac: z.boolean({ error: 'must be true or false' }).default(false),
  spoolQuotaBytes: byteCount(miB, 1024 * 1024 * miB).default(256 * miB),
  keep: duration('7d', '36500d').prefault('400d'),
  checkpointEvery: duration('1s', '1d').prefault('1m'),
  checkpointKey: signingKeys.optional(),
  sinks: z
    .array(sink, { error: 'must be a list of sinks' })
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
      error: 'must have a name of its own for each',
    })
    .default([]),
  allowAddresses: z.array(block, { error: 'must be a list of CIDR blocks' }).default([]),
})

/** The settings with null for what isn't set. Relative files are taken from `cwd`. */
export function resolveTrail(data: z.output<typeof trailSettings>, cwd: string): TrailSettings {
  return {
    mode: data.mode,
    spoolQuotaBytes: data.spoolQuotaBytes,
    argumentsHmac: data.argumentsHmac,
    keepMs: data.keep,
    checkpointEveryMs: data.checkpointEvery,
    checkpointKeys: data.checkpointKey ?? null,
    sinks: data.sinks.flatMap(({ name, only = null, file, webhook, rotateBytes }): SinkSettings[] => {
      if (file !== undefined)
        return [{ name, only, to: { kind: 'file', path: resolve(cwd, file), rotateBytes } }]
      return webhook === undefined ? [] : [{ name, only, to: { kind: 'webhook', ...webhook } }]
    }),
    allowAddresses: data.allowAddresses,
  }
}

/** Whether a setting's value may be a secret, or a text put in the place of one. */
export function mayHoldTrailSecret(name: string): boolean {
  return name === 'trail.checkpointKey' || /^trail\.sinks\[\d+\]\.webhook/.test(name)
}
