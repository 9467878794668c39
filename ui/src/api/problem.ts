/** What the server refused, or that it could not be reached. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  /** The HTTP status; 0 where no answer came. */
  readonly status: number
  /** Stable: the server's own, or `offline`, or `unexpected_answer`. */
  readonly code: string
  /** The field of the form that it is about. */
  readonly field: string | null
  /** What else the problem says, such as `successorId`. */
  readonly more: Readonly<Record<string, unknown>>
  constructor(
    status: number,
    code: string,
    detail: string,
    field: string | null = null,
    more: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.field = field
    this.more = more
  }

  /** One sentence for people. */
  get detail(): string {
    return this.message
  }
}

/**
 * A refusal as the server wrote it: problem details (`code`, `detail`, `field`), or the `code` and `message`
 * of the sign-in. Whatever else comes (a proxy's HTML page) becomes `unexpected_answer`; it never throws.
 */
export function parseProblem(status: number, text: string): ApiProblem {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    body = null
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return unexpected(status)
  const parts = new Map(Object.entries(body))
  const code = parts.get('code')
  if (typeof code !== 'string' || code === '') return unexpected(status)
  const detail = [parts.get('detail'), parts.get('message'), parts.get('title')].find(
    (part) => typeof part === 'string' && part !== '',
  )
  const field = parts.get('field')
  return new ApiProblem(
    status,
    code.toLowerCase(),
    typeof detail === 'string' ? sentence(detail) : unexpected(status).detail,
    typeof field === 'string' && field !== '' ? field : null,
    Object.fromEntries(parts),
  )
}

/** No answer came: the network, or the server is down. */
export function offline(): ApiProblem {
  return new ApiProblem(
    0,
    'offline',
    'The server can’t be reached. Nothing that you typed is lost: try again once it is back.',
  )
}

/** Anything thrown, as a problem. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  return new ApiProblem(0, 'unexpected_error', 'Something went wrong on this page. Reload it and try again.')
}

function unexpected(status: number): ApiProblem {
  return new ApiProblem(
    status,
    'unexpected_answer',
    status >= 500
      ? `The server failed to answer (${status}). Try again in a moment.`
      : `The server’s answer (${status}) was not understood.`,
  )
}

/** `name must have 1 to 100 characters` → `Name must have 1 to 100 characters.` */
function sentence(text: string): string {
  const trimmed = text.trim()
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1)
  return /[.!?…]$/.test(first) ? first : `${first}.`
}
