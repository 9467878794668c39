import { StoreUnavailable } from '../domain/ports.ts'
import type { LimitStore } from './limit-store.ts'

/** Asks `first`, and where that can't be asked `second`: limits hold then for each node by itself. */
export function withFallback(first: LimitStore, second: LimitStore): LimitStore {
  async function either<T>(ask: (store: LimitStore) => Promise<T>): Promise<T> {
    if (first.isAway()) return ask(second)
    try {
      return await ask(first)
    } catch (error) {
      // The database tells how much of a quota is used: without it, neither of the two can.
      if (error instanceof StoreUnavailable) throw error
      return ask(second)
    }
  }

  return {
    take: (name, points, window) => either((store) => store.take(name, points, window)),
    takeQuota: (name, points, quota) => either((store) => store.takeQuota(name, points, quota)),
    hold: (name, places, most) => either((store) => store.hold(name, places, most)),
    isAway: () => first.isAway(),
    start: () => first.start(),
    close: () => first.close(),
  }
}
