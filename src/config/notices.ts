import { isIP } from 'node:net'
import { z } from 'zod'
import { parsePort, refuse, text } from './values.ts'

/** Where notices go, checked. */
export interface NoticeSettings {
  email: { smtp: SmtpSettings; from: string } | null
  webhooks: readonly { name: string; url: string; secrets: readonly string[] }[]
  slack: { url: string } | null
  /** Where the page is, for links to it. */
  pageUrl: string | null
  /** CIDR blocks that webhooks and Slack's stand-ins may lie in although they aren't public. */
  allowAddresses: readonly string[]
}

export interface SmtpSettings {
  host: string
  port: number
  /** TLS from the first byte on. */
  secure: boolean
  auth: { user: string; pass: string } | null
}

const smtpRight =
  'must be an SMTP URL without a query, such as "smtps://user:password@smtp.example.com" or "smtp://localhost:25"'

const smtp = text(smtpRight).transform((value, context): SmtpSettings => {
  const url = /^smtps?:\/\/[^\s/?#]+\/?$/.test(value) && URL.canParse(value) ? new URL(value) : null
  const user = url === null ? null : decoded(url.username)
  const pass = url === null ? null : decoded(url.password)
  const port = url === null || url.port === '' ? null : parsePort(url.port)
  if (url === null || url.hostname === '' || user === null || pass === null || port === 0)
    return refuse(context, smtpRight)
  // A password without a user, or a user without a password, is half a login.
  if ((user === '') !== (pass === '')) return refuse(context, smtpRight)
  const secure = url.protocol === 'smtps:'
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase(),
    port: port ?? (secure ? 465 : 587),
    secure,
    auth: user === '' ? null : { user, pass },
  }
})

/** Null where an escape is broken, or a line break would get into the dialogue. */
function decoded(part: string): string | null {
  try {
    const plain = decodeURIComponent(part)
    return /\p{Cc}/u.test(plain) ? null : plain
  } catch {
    return null
  }
}

const fromRight = 'must be one e-mail address, such as "keys@example.com"'
const from = text(fromRight).refine(
  (value) =>
    value.length <= 254 &&
    /^[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/.test(value),
  { error: fromRight },
)

const nameRight = 'must have 1 to 40 lower-case letters, digits and -, such as "ops"'
const secretRight =
  'must be a Standard Webhooks secret: "whsec_" and the base64 of 24 to 64 random bytes, such as openssl rand -base64 32 makes'
const secretsRight = 'must be a list of 1 to 5 secrets; each signs'
const urlRight =
  'must be an https URL without user, password and fragment, or an http one whose addresses notices.allowAddresses names'

/** The URL of a webhook. `http` is refused later, by address, unless `allowAddresses` names it. */
export const endpointUrl = text(urlRight).refine(
  (value) => {
    const url = URL.canParse(value) ? new URL(value) : null
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return false
    return url.username === '' && url.password === '' && url.hash === ''
  },
  { error: urlRight },
)

/** A secret that webhooks are signed with. */
export const secret = text(secretRight).refine(
  (value) => {
    const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(value)?.[1]
    if (base64 === undefined) return false
    const bytes = Buffer.from(base64, 'base64')
    return bytes.length >= 24 && bytes.length <= 64 && bytes.toString('base64') === base64
  },
  { error: secretRight },
)

const blockRight = 'must be an address or a CIDR block, such as "10.0.0.0/8" or "fd00::/8"'
/** Addresses that are meant although they aren't public. */
export const block = text(blockRight).transform((value, context) => {
  const [address = '', bits, ...rest] = value.split('/')
  const family = isIP(address)
  const most = family === 6 ? 128 : 32
  const length = bits === undefined ? most : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : -1
  if (family === 0 || rest.length > 0 || length < 0 || length > most || address.includes('%'))
    return refuse(context, blockRight)
  if (length === 0)
    return refuse(
      context,
      'allows every address, this machine and its cloud among them; name those that are meant',
    )
  return `${address}/${length}`
})

const pageRight =
  'must be the page\'s http or https URL, such as "https://postern.example.com/admin/api-keys"'
const objectRight = 'must be an object'

/** The `notices` of the settings. */
export const noticeSettings = z
  .strictObject(
    {
      email: z.strictObject({ smtp, from }, { error: objectRight }).optional(),
      webhooks: z
        .array(
          z.strictObject(
            {
              name: text(nameRight).regex(/^[a-z0-9-]{1,40}$/, { error: nameRight }),
              url: endpointUrl,
              secrets: z
                .array(secret, { error: secretsRight })
                .min(1, { error: secretsRight })
                .max(5, { error: secretsRight }),
            },
            { error: objectRight },
          ),
          { error: 'must be a list of webhooks' },
        )
        .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
          error: 'must have a name of its own for each',
        })
        .default([]),
      slack: z.strictObject({ url: endpointUrl }, { error: objectRight }).optional(),
      pageUrl: text(pageRight)
        .refine((value) => /^https?:\/\/[^\s"'<>\\^`{|}\p{Cc}]+$/u.test(value) && URL.canParse(value), {
          error: pageRight,
        })
        .optional(),
      allowAddresses: z.array(block, { error: 'must be a list of CIDR blocks' }).default([]),
    },
    { error: objectRight },
  )
  .prefault({})

/** The settings with null for what isn't set. */
export function resolveNotices(data: z.output<typeof noticeSettings>): NoticeSettings {
  return {
    email: data.email ?? null,
    webhooks: data.webhooks,
    slack: data.slack ?? null,
    pageUrl: data.pageUrl ?? null,
    allowAddresses: data.allowAddresses,
  }
}

const shownNotices = /^notices\.(?:email\.from|webhooks\[\d+\]\.name|allowAddresses(?:\[\d+\])?|pageUrl)$/

/** Whether a setting's value may be a secret, or a text put in the place of one. */
export function mayHoldNoticeSecret(name: string): boolean {
  return name.startsWith('notices') && !shownNotices.test(name)
}
