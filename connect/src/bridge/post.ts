import { setTimeout as sleep } from 'node:timers/promises'
import { BridgeFailure } from '../contracts.ts'
import type { Credential, OutboundAnswer, OutboundRequest, SendOutbound, Tell } from '../contracts.ts'
import { readRefusal } from '../protocol/refusal.ts'
import type { Refusal } from '../protocol/refusal.ts'
import { backoffMs, nextAfter, repeatForMs, retryAfterMs } from '../protocol/retry.ts'
import type { Attempt } from '../protocol/retry.ts'
import { keyWarningOf } from './key-warning.ts'

/** One message on its way. */
export interface Delivery {
  /** Where to; asked before each attempt, as are the headers. */
  url: () => URL
  body: string
  headers: () => Record<string, string>
  signal: AbortSignal
  /** Opens a new session in place of one that is lost; null where that can't be. */
  renewSession: ((lostId: string) => Promise<void>) | null
  /** Asks for the tools' annotations again; null where that makes no difference. */
  learnMirrors: (() => Promise<void>) | null
}

export interface PostOptions {
  send: SendOutbound
  credential: Credential
  tell: Tell
  version: string
}

export interface Post {
  /** Sends a message, again where {@link nextAfter} lets it. Rejects with {@link BridgeFailure}. */
  deliver(delivery: Delivery): Promise<OutboundAnswer | { refusal: Refusal }>
  /** One request with the credential, and no repetition but where that has changed. */
  ask(request: Omit<OutboundRequest, 'method'> & { method: 'GET' | 'DELETE' }): Promise<OutboundAnswer>
}

export function createPost({ send, credential, tell, version }: PostOptions): Post {
  async function once(request: OutboundRequest): Promise<OutboundAnswer & { used: string }> {
    const { authorization } = await credential.header()
    const headers = { 'user-agent': `postern-connect/${version}`, authorization, ...request.headers }
    const answer = await send({ ...request, headers })
    const warning = keyWarningOf(answer.headers)
    if (warning !== null) credential.warned(warning, authorization)
    return { ...answer, used: authorization }
  }

  return {
    async deliver(delivery) {
      const { signal } = delivery
      const startedMs = performance.now()
      const repeated = new Set<string>()
      for (let attempt = 0; ; attempt++) {
        const headers = delivery.headers()
        let refusal: Refusal | null = null
        let failure: BridgeFailure
        let ended: Attempt
        try {
          const answer = await once({
            method: 'POST',
            url: delivery.url(),
            headers,
            body: delivery.body,
            signal,
          })
          if (answer.status < 400) return answer
          refusal = await readRefusal(delivery.url().host, answer)
          failure = refusal.failure
          const { status, error } = refusal
          const isMismatch = status === 400 && error?.code === -32020 && !repeated.has('mirrors')
          if (isMismatch) await delivery.learnMirrors?.()
          const isRefused = status === 401 && !repeated.has('credential')
          ended = {
            kind: 'refused',
            status,
            rpcCode: error?.code ?? null,
            retryAfterMs: retryAfterMs(answer.headers['retry-after'], Date.now()),
            bearsSession:
              'mcp-session-id' in headers && delivery.renewSession !== null && !repeated.has('session'),
            isCredentialChanged: isRefused && (await credential.refused(answer.used, status)) === 'changed',
            areMirrorsChanged: isMismatch && !isSame(headers, delivery.headers()),
          }
          if (isMismatch) repeated.add('mirrors')
          if (isRefused) repeated.add('credential')
        } catch (error) {
          failure = failureFrom(error)
          ended = { kind: 'failed', reason: failure.reason, isSent: failure.isSent }
        }
        const next = nextAfter(ended)
        if (next === 'in_a_new_session') {
          repeated.add('session')
          await delivery.renewSession?.(headers['mcp-session-id'] ?? '')
        } else if (next === 'later') {
          const wanted = ended.kind === 'refused' ? (ended.retryAfterMs ?? 0) : 0
          const waitMs = Math.max(wanted, backoffMs(attempt, Math.random()))
          const isTooLate = performance.now() - startedMs + waitMs > repeatForMs(failure.reason)
          if (isTooLate && refusal !== null) return { refusal }
          if (isTooLate) throw failure
          tell('info', failure.reason, `${failure.message} Trying again.`)
          await pause(waitMs, signal)
        } else if (next === 'never') {
          if (refusal !== null) return { refusal }
          throw failure
        }
      }
    },

    async ask(request) {
      const answer = await once(request)
      if (answer.status !== 401) return answer
      if ((await credential.refused(answer.used, 401)) === 'same') return answer
      answer.body.on('error', () => {}).destroy()
      return await once(request)
    },
  }
}

/** Whatever was thrown as a failure. What isn't ours is a mistake of ours: it may have been sent. */
export function failureFrom(error: unknown): BridgeFailure {
  if (error instanceof BridgeFailure) return error
  const name = error instanceof Error ? error.name : 'unknown'
  return new BridgeFailure(
    'broken_off',
    `The bridge failed (${name}): what was asked for may have been done.`,
    true,
  )
}

/** Waits. Rejects with `aborted` once nobody does. */
export async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(waitMs, undefined, { signal })
  } catch {
    throw new BridgeFailure('aborted', 'The request was given up.')
  }
}

function isSame(before: Record<string, string>, after: Record<string, string>): boolean {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].every((key) => before[key] === after[key])
}
