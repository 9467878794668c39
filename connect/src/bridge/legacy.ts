import { BridgeFailure } from '../contracts.ts'
import type { OutboundAnswer, Tell } from '../contracts.ts'
import { readEvents } from '../protocol/events.ts'
import type { StreamEnd } from '../protocol/events.ts'
import { mediaTypeOf } from '../protocol/refusal.ts'
import { backoffMs, repeatForMs } from '../protocol/retry.ts'
import type { Deliver } from './deliver.ts'
import { failureFrom, pause } from './post.ts'
import type { Post } from './post.ts'
import { resultOf } from './result-of.ts'
import { openSession, sessionHeaders } from './session.ts'
import type { Session } from './session.ts'

export const postHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const

export interface LegacyOptions {
  url: URL
  post: Post
  session: Session
  deliver: Deliver
  tell: Tell
  /** Ends all of it. */
  signal: AbortSignal
}

/** What only revisions before 2026-07-28 have: a session to renew, a stream to listen on, streams to resume. */
export function createLegacy({ url, post, session, deliver, tell, signal }: LegacyOptions) {
  let renewing: Promise<void> | null = null
  let isListening = false
  /** The server has no stream of its own. */
  let hasNone = false

  async function reopen(): Promise<void> {
    const { handshake, handshakeText, initializedText, standing, revision } = session
    if (handshake === null) throw lost('The server does not know the session, and none was begun.')
    const say = (body: string, headers: () => Record<string, string>) =>
      post.deliver({
        url: () => url,
        body,
        headers: () => ({ ...postHeaders, ...headers() }),
        signal,
        renewSession: null,
        learnMirrors: null,
      })
    const answer = await say(handshakeText, () => ({}))
    if ('refusal' in answer) throw answer.refusal.failure
    const result = await resultOf(answer, 1024 * 1024)
    if (result === null) throw lost('The server forgot the session, and did not open another.')
    if (result['protocolVersion'] !== revision)
      throw lost('The server came back with another protocol revision: restart the client.')
    openSession(session, answer.headers, result)
    for (const text of [...(initializedText === null ? [] : [initializedText]), ...standing.values()]) {
      const said = await say(text, () => sessionHeaders(session))
      if ('refusal' in said) throw said.refusal.failure
      said.body.on('error', () => {}).resume()
    }
    tell('info', 'session_renewed', 'The server forgot the session; a new one is open.')
  }

  /** One stream for what the server says by itself, opened again for as long as the session lasts. */
  async function listenOn(): Promise<void> {
    let lastEventId: string | null = null
    for (let failures = 0; !signal.aborted; failures++) {
      let waitMs = backoffMs(failures, Math.random())
      const openedMs = performance.now()
      const { id } = session
      try {
        const resumed: Record<string, string> = lastEventId === null ? {} : { 'last-event-id': lastEventId }
        const headers = { accept: 'text/event-stream', ...sessionHeaders(session), ...resumed }
        const answer = await post.ask({ method: 'GET', url, headers, signal })
        const isStream = answer.status === 200 && mediaTypeOf(answer.headers) === 'text/event-stream'
        if (!isStream) {
          answer.body.on('error', () => {}).destroy()
          if (answer.status === 404 && id !== null && failures === 0) {
            lastEventId = null
            await renew(id)
            continue
          }
          hasNone ||= answer.status === 405 || answer.status === 404
          if (answer.status < 500) return
        } else {
          const end = await readEvents(answer.body, (type, data) => {
            if (type === 'message') deliver(data)
          })
          lastEventId = end.lastEventId ?? lastEventId
          if (performance.now() - openedMs > 5000) failures = -1
          waitMs = end.retryMs ?? waitMs
        }
      } catch (error) {
        if (failureFrom(error).reason === 'aborted') return
      }
      await pause(waitMs, signal)
    }
  }

  async function renew(lostId: string): Promise<void> {
    if (session.id !== lostId) return
    renewing ??= reopen().finally(() => {
      renewing = null
    })
    await renewing
  }

  return {
    /** Opens a session like the one that the server lost, once for all who ask. Rejects with {@link BridgeFailure}. */
    renew,

    /** Begins to listen, where that isn't so and the server has a stream to listen on. */
    listen(): void {
      if (isListening || hasNone || signal.aborted) return
      isListening = true
      listenOn()
        .catch(() => {})
        .finally(() => {
          isListening = false
        })
    },

    /** Another `initialize`: the server may be another. */
    begin(): void {
      hasNone = false
    },

    /** The rest of a stream that ended too soon; null where the server doesn't have it. */
    async resume(end: StreamEnd, ends: AbortSignal): Promise<OutboundAnswer | null> {
      const startedMs = performance.now()
      let waitMs = end.retryMs ?? backoffMs(0, Math.random())
      for (
        let attempt = 1;
        performance.now() - startedMs < repeatForMs('broken_off') + (end.retryMs ?? 0);
        attempt++
      ) {
        await pause(waitMs, ends)
        waitMs = backoffMs(attempt, Math.random())
        const headers = {
          accept: 'text/event-stream',
          ...sessionHeaders(session),
          'last-event-id': end.lastEventId ?? '',
        }
        try {
          const answer = await post.ask({ method: 'GET', url, headers, signal: ends })
          if (answer.status === 200 && mediaTypeOf(answer.headers) === 'text/event-stream') return answer
          answer.body.on('error', () => {}).destroy()
          if (answer.status < 500) return null
        } catch (error) {
          if (failureFrom(error).reason === 'aborted') throw error
        }
      }
      return null
    },
  }
}

function lost(text: string): BridgeFailure {
  return new BridgeFailure('refused_404', text, false)
}
