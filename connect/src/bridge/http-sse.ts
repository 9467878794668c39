import { readEvents } from '../protocol/events.ts'
import { mediaTypeOf } from '../protocol/refusal.ts'
import type { Refusal } from '../protocol/refusal.ts'
import type { Deliver } from './deliver.ts'
import type { PendingRequests } from './pending.ts'
import { postHeaders } from './legacy.ts'
import type { Post } from './post.ts'
import type { Session } from './session.ts'

export interface HttpSseOptions {
  url: URL
  post: Post
  session: Session
  pending: PendingRequests
  deliver: Deliver
  signal: AbortSignal
}

/**
 * 2024-11-05: the endpoint is a stream, whose first event says where to post to, and all answers come on it. Found out
 * as the specification says: `initialize` is refused, and a GET opens such a stream.
 */
export function createHttpSse({ url, post, session, pending, deliver, signal }: HttpSseOptions) {
  let isOld = false
  let ended: Promise<void> | null = null

  async function open(): Promise<boolean> {
    const answer = await post.ask({ method: 'GET', url, headers: { accept: 'text/event-stream' }, signal })
    if (answer.status !== 200 || mediaTypeOf(answer.headers) !== 'text/event-stream') {
      answer.body.on('error', () => {}).destroy()
      return false
    }
    return await new Promise((resolve) => {
      ended = readEvents(answer.body, (type, data) => {
        if (type === 'message' && session.postUrl !== null) deliver(data)
        if (type !== 'endpoint') return
        const target = URL.canParse(data, url.href) ? new URL(data, url.href) : null
        // The key goes to the origin that it was given for, and no other.
        if (target?.origin !== url.origin) answer.body.destroy()
        else session.postUrl = target
        resolve(target?.origin === url.origin)
      }).then(() => {
        ended = null
        session.postUrl = null
        resolve(false)
      })
    })
  }

  async function say(body: string): Promise<boolean> {
    const answer = await post.deliver({
      url: () => session.postUrl ?? url,
      body,
      headers: () => postHeaders,
      signal,
      renewSession: null,
      learnMirrors: null,
    })
    if ('refusal' in answer) return false
    answer.body.on('error', () => {}).resume()
    return true
  }

  /** The stream broke off, and its session with it: another one, by the client's own words. */
  async function reopen(): Promise<boolean> {
    const { handshake, handshakeText, initializedText } = session
    if (handshake === null || !(await open())) return false
    const begun = new Promise<void>((resolve) => {
      pending.set(handshake.id ?? '', {
        message: handshake,
        controller: new AbortController(),
        isModern: false,
        isCancelled: false,
        headers: {},
        onAnswer: () => null,
        onSettled: resolve,
      })
    })
    if (!(await say(handshakeText))) return false
    await Promise.race([begun, ended])
    return session.postUrl !== null && (initializedText === null || (await say(initializedText)))
  }

  let reopening: Promise<boolean> | null = null

  return {
    /** Whether a message that was refused at the endpoint can be sent again, to where a stream says. */
    async fallBack({ status }: Refusal, isHandshake: boolean): Promise<boolean> {
      if (status !== 404 && status !== 405 && !(isHandshake && status === 400)) return false
      if (session.postUrl !== null || session.id !== null) return false
      if (isHandshake) return (isOld = await open())
      if (!isOld) return false
      reopening ??= reopen().finally(() => {
        reopening = null
      })
      return await reopening
    },
    /** The end of the stream on which the answers come; null where they come otherwise. */
    ended: () => ended,
  }
}
