import { z } from 'zod'
import { section } from './section.ts'
import { text } from './values.ts'

/** What requests to MCP routes may say of where they come from: browsers are made to send what their user never meant. */
export interface McpSettings {
  /** `host` for any port, or `host:port`, in lower case; null: as the address that the gateway listens on suggests. */
  allowedHosts: readonly string[] | null
  /** Origins of pages that may call, in lower case. */
  allowedOrigins: readonly string[]
}

const hostRight =
  'must be a host name with or without a port, such as "mcp.example.com", "10.0.0.5:4242" or "[::1]:4242"'
const originRight = 'must be the origin of a page, such as "https://app.example.com", without a path'

const host = text(hostRight)
  .regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/, {
    error: hostRight,
  })
  .transform((value) => value.toLowerCase())

const origin = text(originRight).transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url !== null && url.origin === value.toLowerCase() && url.origin !== 'null') return url.origin
  context.addIssue({ code: 'custom', message: originRight })
  return z.NEVER
})

/** The settings of all MCP routes. */
export const mcpSettings = section({
  allowedHosts: z
    .array(host, { error: 'must be a list of host names' })
    .min(1, { error: 'must name at least one host; leave it out for the default' })
    .optional(),
  allowedOrigins: z.array(origin, { error: 'must be a list of origins' }).default([]),
})

/** The settings, resolved. */
export function resolveMcp(settings: z.output<typeof mcpSettings>): McpSettings {
  return { allowedHosts: settings.allowedHosts ?? null, allowedOrigins: settings.allowedOrigins }
}
