import type { Message } from '../protocol/message.ts'
import { readMessages } from '../protocol/message.ts'
import type { PendingRequests } from './pending.ts'
import type { Session } from './session.ts'

export interface DeliverOptions {
  pending: PendingRequests
  session: Session
  write: (line: string) => void
  /** What came is no JSON-RPC, and is not handed on. */
  onUnreadable: () => void
}

/** Hands what the server says to the client: notifications, requests, and answers that somebody waits for. */
export function createDeliver({ pending, session, write, onUnreadable }: DeliverOptions) {
  /** `keep` sees notifications first, and answers whether they go on. */
  return function deliver(source: string, keep: ((message: Message) => boolean) | null = null): void {
    const reading = readMessages(source)
    if (typeof reading === 'number') {
      onUnreadable()
      return
    }
    let text: string | null = reading.text
    let isWanted = false
    for (const message of reading.messages) {
      if (message.kind === 'notification') {
        isWanted ||= keep?.(message) ?? true
      } else if (message.kind === 'request') {
        session.asked.add(message.id ?? '')
        isWanted = true
      } else {
        const waiting = pending.get(message.id ?? '')
        if (waiting === undefined) continue
        pending.delete(message.id ?? '')
        waiting.onSettled?.()
        if (waiting.isCancelled) continue
        if (waiting.onAnswer !== null) text = waiting.onAnswer(message, text, waiting.headers)
        isWanted = true
        if (text === null) return
      }
    }
    if (isWanted) write(text)
  }
}

export type Deliver = ReturnType<typeof createDeliver>
