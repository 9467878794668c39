/** What is known of every request, readable or not. */
export interface Arrival {
  requestId: string
  /** Epoch milliseconds. */
  at: number
  /** Monotonic milliseconds, for durations. */
  startedMs: number
  httpMethod: string
  /** The path as far as it can be told, for the trail. */
  path: string
  /** Null where nothing says whom to believe about it: in a Next app. */
  clientAddress: string | null
  userAgent: string | null
  /** The trace id of its `traceparent` header; null where it has none. */
  traceId: string | null
}
