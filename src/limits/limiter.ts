import { periodAt, type Period } from '../domain/calendar.ts'
import type { Grants } from '../domain/grant.ts'
import {
  burstWindows,
  effectiveLimits,
  type CompiledLimits,
  type HitLimit,
  type KeyLimits,
  type Rate,
} from '../domain/limit.ts'
import { peerOf } from '../domain/peer.ts'
import { StoreUnavailable, type Clock } from '../domain/ports.ts'
import type { Allowed, Reason } from '../domain/verdict.ts'
import type { LimitStore, Taken } from './limit-store.ts'

/** What is to be done, as far as limits go by it. */
export interface LimitedUse {
  /** Null where nobody can say whose word for it to believe: then no address is limited. */
  clientAddress: string | null
  /** Whether the key rotates itself: that has a limit of its own, and no other but the address's. */
  isRotation: boolean
  /** Asked only where something limits the use. */
  counts: () => Counts
}

export interface Counts {
  /** Calls in the request; 1 at least. */
  calls: number
  /** Those of them that take a place until they are answered. */
  places: number
  /** The tool of each call that names one. */
  tools: readonly string[]
}

/** Room was left. */
export interface Within {
  reason: null
  holdsPlaces: boolean
  /** The calls have ended: their places are free. More than once does nothing. */
  end(): void
  /** They were not carried out after all, so that they cost nothing. Ends them, too. */
  undo(): void
}

export interface Beyond {
  reason: Reason
  /** Null where limits can't be judged at present. */
  limit: HitLimit | null
}

export interface Limiter {
  /** At once, and null, where nothing limits the use. What the promise answers has been taken. */
  judge(
    allowed: Pick<Allowed, 'keyId' | 'principal' | 'grants'>,
    use: LimitedUse,
  ): null | Promise<Within | Beyond>
  isAway(): boolean
  start(): Promise<void>
  close(): Promise<void>
}

export interface LimiterOptions {
  store: LimitStore
  clock: Pick<Clock, 'now'>
  /** For what a key's own limits don't name. */
  perKey: KeyLimits
  perAddress: Rate | null
  /** How often a key may rotate itself. */
  selfRotation: Rate
  /** The calls of a line of keys in a period that were not refused, as far as they are recorded. */
  callsIn(line: Line, period: Period): Promise<number>
  log: { error(fields: object, message: string): void }
}

/** Keys that came of each other by rotation. */
export interface Line {
  countedAs: string
  serviceUserId: string
}

/**
 * The limits in their order: address, key, tools, places, quotas. The first that refuses ends it, and what those
 * before it took is given back, but for the address: that one is there to count whoever comes.
 */
export function createLimiter(options: LimiterOptions): Limiter {
  const { store, clock, perKey, perAddress, selfRotation } = options
  const effective = new WeakMap<Grants, CompiledLimits | 'none'>()

  function limitsOf(grants: Grants): CompiledLimits | null {
    let found = effective.get(grants)
    if (found === undefined) {
      found = effectiveLimits(grants.limits, perKey) ?? 'none'
      effective.set(grants, found)
    }
    return found === 'none' ? null : found
  }

  async function judge(
    line: Line | null,
    limits: CompiledLimits | null,
    { clientAddress, isRotation, counts }: LimitedUse,
  ): Promise<Within | Beyond> {
    const { calls, places, tools } = counts()
    const undos: (() => void)[] = []
    let free: (() => void) | null = null
    try {
      const beyond = (await ofAddress()) ?? (line === null ? null : await ofKey(line))
      if (beyond === null) return { reason: null, holdsPlaces: free !== null, end, undo }
      undo()
      return beyond
    } catch (error) {
      undo()
      // That Redis or the database is away is told once, and not for each call.
      if (!(error instanceof StoreUnavailable) && !store.isAway())
        options.log.error({ err: error }, 'limits cannot be judged')
      return { reason: 'store_unavailable', limit: null }
    }

    function end(): void {
      free?.()
      free = null
    }

    function undo(): void {
      end()
      for (const giveBack of undos.splice(0)) giveBack()
    }

    async function ofAddress(): Promise<Beyond | null> {
      if (perAddress === null || clientAddress === null) return null
      const beyond = await ofRate('address', `address/${peerOf(clientAddress)}`, calls, perAddress)
      undos.length = 0
      return beyond
    }

    async function ofKey(key: Line): Promise<Beyond | null> {
      if (isRotation) return await ofRate('rotation', `rotation/${key.countedAs}`, 1, selfRotation)
      if (limits === null) return null
      const rate =
        limits.rate === undefined ? null : await ofRate('key', `key/${key.countedAs}`, calls, limits.rate)
      return (
        rate ?? (await ofTools(key, limits)) ?? (await ofPlaces(key, limits)) ?? (await ofQuotas(key, limits))
      )
    }

    async function ofTools(key: Line, { ratesOf }: CompiledLimits): Promise<Beyond | null> {
      const countOf = new Map<Rate & { tool: string }, number>()
      for (const tool of tools)
        for (const rate of ratesOf(tool)) countOf.set(rate, (countOf.get(rate) ?? 0) + 1)
      for (const [rate, count] of countOf) {
        const beyond = await ofRate('tool', `tool/${key.countedAs}/${rate.tool}`, count, rate)
        if (beyond !== null) return beyond
      }
      return null
    }

    async function ofPlaces(key: Line, { concurrent }: CompiledLimits): Promise<Beyond | null> {
      if (concurrent === undefined || places === 0) return null
      const held = await store.hold(`concurrent/${key.countedAs}`, places, concurrent)
      free = held?.free ?? null
      if (held !== null) return null
      const limit = {
        policy: 'concurrent',
        most: concurrent,
        windowSeconds: null,
        retryAfterSeconds: 1,
      } as const
      return { reason: 'too_many_at_once', limit }
    }

    async function ofQuotas(key: Line, { daily, monthly }: CompiledLimits): Promise<Beyond | null> {
      return (await ofQuota(key, 'day', daily)) ?? (await ofQuota(key, 'month', monthly))
    }

    async function ofQuota(
      key: Line,
      kind: 'day' | 'month',
      most: number | undefined,
    ): Promise<Beyond | null> {
      if (most === undefined) return null
      const period = periodAt(kind, clock.now())
      const soFar = () => options.callsIn(key, period)
      const taken = await store.takeQuota(`${kind}/${key.countedAs}`, calls, { most, period, soFar })
      const windowSeconds = Math.round((period.endsAt - Date.parse(period.firstDay)) / 1000)
      return beyondOf(taken, 'quota_exhausted', { policy: kind, most, windowSeconds })
    }

    async function ofRate(
      policy: HitLimit['policy'],
      name: string,
      count: number,
      { points, perSeconds, burst }: Rate,
    ): Promise<Beyond | null> {
      let taken = await store.take(name, count, { most: points, seconds: perSeconds })
      if (!taken.ok && burst !== undefined) {
        const more = await store.take(`${name}/burst`, count, {
          most: burst,
          seconds: perSeconds * burstWindows,
        })
        if (more.ok) taken = more
      }
      return beyondOf(taken, 'rate_limited', { policy, most: points, windowSeconds: perSeconds })
    }

    function beyondOf(
      taken: Taken,
      reason: Reason,
      limit: Omit<HitLimit, 'retryAfterSeconds'>,
    ): Beyond | null {
      if (taken.ok) {
        undos.push(taken.giveBack)
        return null
      }
      const retryAfterSeconds = Math.max(1, Math.ceil(taken.retryAfterMs / 1000))
      return { reason, limit: { ...limit, retryAfterSeconds } }
    }
  }

  return {
    judge({ keyId, principal, grants }, use) {
      const limits = keyId === null ? null : limitsOf(grants)
      if (limits === null && !use.isRotation && (perAddress === null || use.clientAddress === null))
        return null
      const line =
        keyId === null ? null : { countedAs: grants.limits?.countedAs ?? keyId, serviceUserId: principal.id }
      return judge(line, limits, use)
    },
    isAway: () => store.isAway(),
    start: () => store.start(),
    close: () => store.close(),
  }
}
