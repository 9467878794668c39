import type { Begun } from '../audit/recorder.ts'
import type { Counts, LimitedUse, Within } from '../limits/limiter.ts'
import type { AskedUse } from '../verify/authorize.ts'

/** A use as limits count it: a body that nobody here has read is one call. */
export function limitedUse({ clientAddress, of }: AskedUse): LimitedUse {
  return {
    clientAddress,
    isRotation: of === 'rotation',
    counts: () => (typeof of === 'string' || of.messages === 'unseen' ? oneCall : countsOf(of.messages)),
  }
}

/**
 * What has begun, giving its places back when it ends. A request that is dropped by a fault of ours never ends: its
 * places come back once nothing holds it any more, and not with the process.
 */
export function endingPlaces(begun: Begun, within: Within): Begun {
  const ending: Begun = {
    finish: (finish) => begun.finish(finish).finally(within.end),
    async open(status) {
      try {
        return await begun.open(status)
      } catch (error) {
        within.end()
        throw error
      }
    },
    end(finish) {
      begun.end(finish)
      within.end()
    },
  }
  dropped.register(ending, within.end)
  return ending
}

const dropped = new FinalizationRegistry<() => void>((end) => end())

const oneCall: Counts = { calls: 1, places: 1, tools: [] }

/** A stream that only waits for what the server may tell takes no place: it would take that of the calls. */
function countsOf(messages: readonly { method: string | null; target: string | null }[]): Counts {
  const methods = messages.flatMap(({ method }) => method ?? [])
  return {
    calls: Math.max(1, methods.length),
    places: methods.filter(
      (method) => method !== 'subscriptions/listen' && !method.startsWith('notifications/'),
    ).length,
    tools: messages.flatMap(({ method, target }) =>
      method === 'tools/call' && target !== null ? [target] : [],
    ),
  }
}
