import { z } from 'zod'
import { roles } from './access.ts'
import { instant } from './schemas-common.ts'

/** What the admin API gives about who is asking, and about the settings. Never a secret. */

const policyShape = {
  defaultLifeMs: z.int(),
  maxLifeMs: z.int(),
  overlapMs: z.int(),
  maxOverlapMs: z.int(),
  denyToolsByDefault: z.boolean(),
  keysPerServiceUser: z.int(),
  requireOwner: z.boolean(),
}

export const meSchema = z
  .object({
    actor: z.string(),
    role: z.enum(roles),
    email: z.string().nullable(),
    via: z.enum(['socket', 'person', 'management-key', 'host']),
    signedInAt: instant.nullable(),
    freshUntil: instant
      .nullable()
      .describe('Until when keys can be made without signing in again; null: always'),
    deployment: z.object({
      name: z.string().describe('What the page is called'),
      mcpUrls: z
        .array(z.object({ path: z.string(), url: z.string() }))
        .describe('The MCP routes that service keys open, as clients reach them'),
      prefixes: z.array(z.string()),
      policy: z.object(policyShape),
      now: instant,
    }),
  })
  .meta({ id: 'Me' })

export const settingsSchema = z
  .object({
    configured: z.literal(true).describe('All of it is set by configuration'),
    policy: z.object({ ...policyShape, maxFamilyLifeMs: z.int() }),
    prefixes: z.array(z.string()),
    signInMaxAgeMs: z.int().describe('How old a sign-in may be when keys are made'),
    routes: z.array(
      z.object({
        path: z.string(),
        isMcp: z.boolean(),
        isPublic: z.boolean(),
        accepts: z.array(z.string()),
      }),
    ),
    channels: z.object({
      email: z.object({ from: z.string() }).nullable(),
      webhooks: z.array(z.object({ name: z.string() })),
      slack: z.boolean(),
      pageUrl: z.string().nullable(),
    }),
  })
  .meta({ id: 'Settings' })

export type MeJson = z.infer<typeof meSchema>
export type SettingsJson = z.infer<typeof settingsSchema>
