import type { CallJson } from '../api/types.ts'

/** Where calls come from: live, and by asking. Both tell of calls of one key. */
export interface CallSource {
  /** Opens the live feed; what it returns closes it. `onOpen` each time that it is (again) connected. */
  live: (on: { open: () => void; call: (call: CallJson) => void; lost: () => void }) => () => void
  /** The newest calls, newest first. */
  newest: (signal: AbortSignal) => Promise<readonly CallJson[]>
}

export interface FirstCallWatch {
  /** The newest call so far; the watch goes on until one was not refused. */
  onCall: (call: CallJson) => void
  pollEveryMs?: number
}

/**
 * Waits for the first call of a key. The live feed tells at once; whatever it misses (before it was open, or where
 * it can't be had) is asked for: once whenever it opens, and again and again while it is lost. Returns what ends it.
 */
export function watchFirstCall(
  source: CallSource,
  { onCall, pollEveryMs = 3000 }: FirstCallWatch,
): () => void {
  const ending = new AbortController()
  let timer: ReturnType<typeof setTimeout> | null = null
  let isLive = false
  let newestAt = ''

  const take = (call: CallJson): void => {
    if (ending.signal.aborted || call.at <= newestAt) return
    newestAt = call.at
    onCall(call)
    if (isWelcome(call)) end()
  }
  const ask = async (): Promise<void> => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const calls = await source.newest(ending.signal).catch(() => [])
    for (const call of calls.toReversed()) take(call)
    if (!isLive && !ending.signal.aborted) timer ??= setTimeout(() => void ask(), pollEveryMs)
  }
  const close = source.live({
    open: () => {
      isLive = true
      void ask()
    },
    call: take,
    lost: () => {
      isLive = false
      timer ??= setTimeout(() => void ask(), pollEveryMs)
    },
  })
  timer = setTimeout(() => void ask(), pollEveryMs)

  function end(): void {
    if (ending.signal.aborted) return
    ending.abort()
    if (timer !== null) clearTimeout(timer)
    close()
  }
  return end
}

/** Whether a call shows that the key works: it reached the backend, whatever that made of it. */
export function isWelcome(call: Pick<CallJson, 'outcome'>): boolean {
  return call.outcome !== 'denied'
}
