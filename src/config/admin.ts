import { isIP } from 'node:net'
import { z } from 'zod'
import { section } from './section.ts'
import { duration, listenAddress, refuse, text, type ListenAddress } from './values.ts'

/** Which proxy asks the forward-auth endpoint: each states the request's own method and URL elsewhere. */
export type ForwardAuthProxy = 'nginx' | 'traefik' | 'caddy' | 'envoy'

/** Who signs people in for us, by OpenID Connect. */
export interface IdentityProvider {
  /** Part of the callback's address: `{page}/api/auth/callback/{id}`. */
  id: string
  /** As the button says it. */
  name: string
  /** Its discovery document lies below it. */
  issuer: string
  clientId: string
  clientSecret: string
}

/** The admin address, its page, and how people sign in to it. */
export interface AdminSettings {
  listen: ListenAddress
  forwardAuth: ForwardAuthProxy | null
  /** The origin that people open the page at; null: the one that it listens on. */
  url: string | null
  /** What sessions are signed with; null: made in the data directory. */
  secret: string | null
  /** How long after signing in someone may create and rotate keys, in milliseconds. */
  signInMaxAgeMs: number
  identityProviders: readonly IdentityProvider[]
}

const urlRight = 'must be an origin, such as "https://keys.example.com"'
const secretRight = 'must be a text of at least 32 characters, such as "openssl rand -base64 32" prints'
const issuerRight =
  'must be an https URL without query, such as "https://login.example.com"; http only for this machine'
const idRight = 'must be 1 to 32 lower-case letters, digits or -, such as "okta"'
const clientRight = 'must be a text, as the identity provider gave it'

const identityProvider = z.strictObject({
  id: text(idRight).regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, { error: idRight }),
  name: text('must be a name for the button').min(1).max(60).optional(),
  issuer: text(issuerRight).transform((value, context) =>
    isSafeIssuer(value) ? value.replace(/\/$/, '') : refuse(context, issuerRight),
  ),
  clientId: text(clientRight).min(1, { error: clientRight }),
  clientSecret: text(clientRight).min(1, { error: clientRight }),
})

/** The group `admin` of the settings. */
export const adminSettings = section({
  listen: listenAddress('127.0.0.1:4243').prefault('127.0.0.1:4243'),
  forwardAuth: z
    .enum(['nginx', 'traefik', 'caddy', 'envoy'], {
      error: 'must be "nginx", "traefik", "caddy" or "envoy": the proxy that asks',
    })
    .optional(),
  url: text(urlRight)
    .transform((value, context) => (isOrigin(value) ? new URL(value).origin : refuse(context, urlRight)))
    .optional(),
  secret: text(secretRight).min(32, { error: secretRight }).optional(),
  signInMaxAge: duration('1m', '7d').prefault('12h'),
  identityProviders: z
    .array(identityProvider, { error: 'must be a list of identity providers' })
    .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, { error: 'must use each id once' })
    .default([]),
})

/** Where `admin` stands in the settings, with what the environment says of its port. */
export function resolveAdmin(data: z.output<typeof adminSettings>, port: number | null): AdminSettings {
  return {
    listen: { ...data.listen, port: port ?? data.listen.port },
    forwardAuth: data.forwardAuth ?? null,
    url: data.url ?? null,
    secret: data.secret ?? null,
    signInMaxAgeMs: data.signInMaxAge,
    identityProviders: data.identityProviders.map((each) => ({ ...each, name: each.name ?? each.id })),
  }
}

/** Settings whose value is never shown, whatever is wrong with it. */
export function mayHoldAdminSecret(name: string): boolean {
  return name === 'admin.secret' || /^admin\.identityProviders\[\d+\]\.clientSecret$/.test(name)
}

function isOrigin(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, origin } = new URL(value)
  return /^https?:$/.test(protocol) && (value === origin || value === `${origin}/`)
}

/** Over plain HTTP anyone on the way could be the identity provider. */
function isSafeIssuer(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname, search, hash, username } = new URL(value)
  if (search !== '' || hash !== '' || username !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isThisMachine(hostname))
}

/** Whether a URL's host is this very machine. */
export function isThisMachine(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}
