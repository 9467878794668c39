import type { Context } from 'hono'
import { KeysRefused } from '../keys/refused.ts'
import type { AdminEnv } from './guard.ts'
import { refusalOfKeys, RequestRefused } from './problem.ts'

/** The ETag of a version (RFC 9110, 8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`
}

/**
 * Makes a change that holds for one version, the one that If-Match names; over the socket it may be left out. A
 * refusal because of another version says which is current.
 */
export async function changeVersion<T>(
  c: Context<AdminEnv>,
  change: (condition: { ifMatch?: number }) => Promise<T>,
  currentVersion: () => Promise<number>,
): Promise<T> {
  const condition = conditionOf(c.req.header('if-match'), c.get('access').via === 'socket')
  try {
    return await change(condition)
  } catch (error) {
    if (!(error instanceof KeysRefused && error.code === 'version_changed')) throw error
    const { status, code, message, field } = refusalOfKeys(error)
    throw new RequestRefused(status, code, message, field, { version: await currentVersion() })
  }
}

function conditionOf(header: string | undefined, isOptional: boolean): { ifMatch?: number } {
  if (header === undefined) {
    if (isOptional) return {}
    throw new RequestRefused(
      428,
      'precondition_required',
      'Send If-Match with the ETag of what you have seen, so that nobody is overwritten.',
      'If-Match',
    )
  }
  const version = /^"([0-9]{1,15})"$/.exec(header.trim())?.[1]
  if (version === undefined)
    throw new RequestRefused(
      400,
      'field_invalid',
      'If-Match must be one ETag that this API has given.',
      'If-Match',
    )
  return { ifMatch: Number(version) }
}
