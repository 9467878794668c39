import { adminBasePath } from '../admin/api.ts'
import type { AccessOf } from '../admin/guard.ts'
import { createAdminHandler, type AdminHandler } from '../admin/handler.ts'
import type { People } from '../admin/sign-in/people.ts'
import { keepAdminSecret } from '../admin/sign-in/secret.ts'
import { createSignIn } from '../admin/sign-in/sign-in.ts'
import type { Config } from '../config.ts'
import type { LoginRecords } from '../domain/people-store.ts'
import type { Clock } from '../domain/ports.ts'
import type { Logger } from '../log.ts'

/** The page on an address of its own, where people sign in to Postern itself. */
export interface StandalonePage {
  /** Without a slash at its end. */
  url: string
  handle: AdminHandler
  /** A new link that makes the first administrator; null where there is one. */
  setupUrl(): Promise<string | null>
}

/** Where people open the page, as far as the settings tell: an origin. `port`: the one that it really listens on. */
export function pageOrigin({ url, listen }: Config['admin'], port = listen.port): string {
  if (url !== null) return url
  // Every address of the machine is none that a browser could open.
  const host = listen.host === '0.0.0.0' || listen.host === '::' ? 'localhost' : listen.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Opens the page at an origin. The caller holds the data directory's lock. Throws `AdminSecretUnsafe`. */
export async function openPage(parts: {
  config: Config
  origin: string
  people: People
  records: LoginRecords
  clock: Clock
  log: Logger
  /** The API for whomever that finds. */
  apiFor: (accessOf: AccessOf) => (request: Request) => Promise<Response>
}): Promise<StandalonePage> {
  const { config, origin, people, records, clock, log, apiFor } = parts
  const { secret, signInMaxAgeMs, identityProviders } = config.admin
  if (config.database !== null && secret === null)
    log.warn(
      'POSTERN_ADMIN_SECRET is not set: several nodes must share one, or people sign in to each of them',
    )
  const signIn = await createSignIn({
    people,
    records,
    clock,
    log,
    origin,
    secret: secret ?? keepAdminSecret(config.dataDir),
    signInMaxAgeMs,
    identityProviders,
  })
  return {
    url: origin + adminBasePath,
    handle: createAdminHandler({
      api: apiFor((request) => signIn.accessOf(request)),
      signIn: (request, path, address) => signIn.answer(request, path, address),
    }),
    setupUrl: async () => ((await people.hasAdministrator()) ? null : (await people.setupLink()).url),
  }
}
