import { describe } from './describe.ts'
import type { AdminApi } from './guard.ts'
import { instant, instantOrNull } from './json.ts'
import { meSchema, settingsSchema, type MeJson, type SettingsJson } from './schemas-settings.ts'

/** What the page is told of the deployment that it stands for. Never a secret. */
export interface Deployment {
  /** What the page is called. */
  name: string
  settings: Omit<SettingsJson, 'configured' | 'signInMaxAgeMs'>
  /** The MCP routes that service keys open. `hostOrigin`: where the app is that the page is part of, if it is. */
  mcpUrls(hostOrigin: string | null): MeJson['deployment']['mcpUrls']
}

/** The routes about who asks, and about the settings. */
export function settingsRoutes(api: AdminApi, { name, settings, mcpUrls }: Deployment): void {
  api.get(
    '/me',
    describe({
      summary: 'Show who asks, and what the page needs to know to begin',
      needs: 'read',
      status: 200,
      answer: meSchema,
      refusals: [],
    }),
    (c) => {
      const { signInMaxAgeMs, clock } = c.get('gate')
      const { actor, role, email, via, signedInAt } = c.get('access')
      const { maxFamilyLifeMs: _, ...policy } = settings.policy
      const me: MeJson = {
        actor,
        role,
        email,
        via,
        signedInAt: instantOrNull(signedInAt),
        freshUntil: signedInAt === null ? null : instant(signedInAt + signInMaxAgeMs),
        deployment: {
          name,
          mcpUrls: mcpUrls(via === 'host' ? new URL(c.req.url).origin : null),
          prefixes: settings.prefixes,
          policy,
          now: instant(clock.now()),
        },
      }
      return c.json(me)
    },
  )

  api.get(
    '/settings',
    describe({
      summary: 'Show the settings, without their secrets',
      needs: 'oversee',
      status: 200,
      answer: settingsSchema,
      refusals: [],
    }),
    (c) => {
      const { signInMaxAgeMs } = c.get('gate')
      return c.json({ configured: true, signInMaxAgeMs, ...settings } satisfies SettingsJson)
    },
  )
}
