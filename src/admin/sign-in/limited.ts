import { problemResponse, RequestRefused } from '../problem.ts'
import type { Attempts } from './attempts.ts'

/** Does what takes a password, unless too many were wrong lately. */
export async function limited(
  attempts: Attempts,
  { address, account }: { address: string | null; account: string },
  attempt: () => Promise<{ isWrong: boolean; answer: Response }>,
): Promise<Response> {
  const waitMs = attempts.waitMs(address, account)
  if (waitMs > 0)
    return problemResponse(
      new RequestRefused(429, 'too_many_attempts', 'Too many attempts failed. Try again in some minutes.'),
      { 'retry-after': String(Math.ceil(waitMs / 1000)) },
    )
  const takeBack = attempts.begin(address, account)
  let isCounted = false
  try {
    const { isWrong, answer } = await attempt()
    isCounted = isWrong
    return answer
  } finally {
    if (!isCounted) takeBack()
  }
}
