import type { IncomingHttpHeaders } from 'node:http'
import type { Message } from '../protocol/message.ts'

/** A request that waits for its answer. */
export interface Pending {
  message: Message
  controller: AbortController
  /** 2026-07-28: closing its HTTP request cancels it. */
  isModern: boolean
  /** The client doesn't wait any more: no answer is owed. */
  isCancelled: boolean
  /** Sees the answer before the client; answers what the client gets, null for nothing. */
  onAnswer: ((answer: Message, text: string, headers: IncomingHttpHeaders) => string | null) | null
  /** Told once it is answered. */
  onSettled: (() => void) | null
  /** Of the HTTP answer that brings it; empty before. */
  headers: IncomingHttpHeaders
}

/** By the id's JSON text: what an answer must bear to be one. */
export type PendingRequests = Map<string, Pending>

/** Gives up what is asked for, without an answer. */
export function cancel(pending: Pending): void {
  pending.isCancelled = true
  pending.controller.abort()
}
