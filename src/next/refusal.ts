import type { AnswerStyle } from '../front/answer.ts'
import { refusalAnswer, statusFor } from '../front/answer.ts'
import type { Reason } from '../domain/verdict.ts'

/** How a refusal looks in a Next app: Next owns the connection. */
export type AppAnswerStyle = Pick<
  AnswerStyle,
  'isMcp' | 'requestId' | 'rpcId' | 'credentialKind' | 'scope' | 'resourceMetadata' | 'issuer' | 'limit'
>

/** As the gateway answers, but for a path without a route: what exists in the app isn't told from what doesn't. */
export function refusalResponse(reason: Reason, style: AppAnswerStyle): Response {
  const own = refusalStatus(reason, style)
  const { status, headers, body } = refusalAnswer(reason, { ...style, status: own, close: false })
  return new Response(body, { status, headers: pairsOf(headers) })
}

/** The HTTP status of {@link refusalResponse}. */
export function refusalStatus(
  reason: Reason,
  style: Pick<AppAnswerStyle, 'isMcp' | 'credentialKind'>,
): number {
  return reason === 'no_route' ? 403 : statusFor(reason, style)
}

/** A flat list of headers (name, value, …) as `Headers` takes it. */
export function pairsOf(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = []
  for (let at = 0; at + 1 < flat.length; at += 2) found.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return found
}
