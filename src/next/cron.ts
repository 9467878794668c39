import { hash, timingSafeEqual } from 'node:crypto'
import type { Node } from './node.ts'

export interface CronOptions {
  /** What the scheduler sends as `Authorization: Bearer …`; on Vercel the value of `CRON_SECRET`. */
  secret: string | undefined
}

const secretLengthLimit = 16

/**
 * What otherwise timers do (notices, tidying), at a scheduler's call: where a process lives for a request only.
 * Without a secret of at least 16 characters it answers nobody.
 */
export function createCron(
  options: CronOptions & { use: () => Promise<Node> },
): (request: Request) => Promise<Response> {
  const { secret } = options
  return async (request) => {
    if (secret === undefined || secret.length < secretLengthLimit)
      return answer(503, { code: 'cron_secret_missing' })
    if (!isSame(request.headers.get('authorization') ?? '', `Bearer ${secret}`))
      return answer(401, { code: 'wrong_secret' })
    const { postern } = await options.use()
    return answer(200, { code: 'done', ...(await postern.tick()) })
  }
}

/** In constant time, whatever their lengths. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', expected, 'buffer'))
}

function answer(status: number, body: object): Response {
  return Response.json({ status, ...body }, { status, headers: { 'cache-control': 'no-store' } })
}
