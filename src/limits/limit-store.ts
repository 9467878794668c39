import type { Period } from '../domain/calendar.ts'

/** So many calls in so many seconds, counted from the first of them. */
export interface Window {
  most: number
  seconds: number
}

/** So many calls in a period of the calendar. */
export interface Quota {
  most: number
  period: Period
  /** How many of them there were before this process, or this Redis, began to count. May reject. */
  soFar: () => Promise<number>
}

/** What became of calls that asked for their place. What is refused costs nothing. */
export type Taken = { ok: true; giveBack: () => void } | { ok: false; retryAfterMs: number }

/**
 * Where limits are counted. Each taking is one step that nothing comes between, so that of any number of calls at
 * once exactly as many get through as there is room for. Rejects where that can't be told at present.
 */
export interface LimitStore {
  take(name: string, points: number, window: Window): Promise<Taken>
  takeQuota(name: string, points: number, quota: Quota): Promise<Taken>
  /** Holds places among the calls under way; null where there is no room. Freed once, at the end of the calls. */
  hold(name: string, places: number, most: number): Promise<{ free: () => void } | null>
  /** Whether it can't be asked at present. */
  isAway(): boolean
  /** Begins to connect, where there is something to connect to; waits a moment for it. Never rejects. */
  start(): Promise<void>
  close(): Promise<void>
}
