import type { Tell } from '../contracts.ts'
import { createAlarm } from './alarm.ts'
import type { OwnKeys } from './own-key.ts'
import { shownPath } from './private-file.ts'
import { renewKey, type Renewed } from './renew-key.ts'
import { renewalLine } from './renewal-lines.ts'
import { planRenewal } from './renewal-plan.ts'

/** Sees to it that the key of a file is renewed in time. */
export interface Renewal {
  /** Whether the key will be renewed without anybody's doing; `unknown` until the gateway has said. */
  outlook(): 'unknown' | 'renews' | 'ends'
  /** Another key is in use now: what was known of the one before is over. */
  restart(): void
  /** Waits for a successor that is being asked for, and starts nothing more. */
  close(): Promise<void>
}

export interface RenewalOptions {
  /** The key file, links followed. */
  path: () => string
  keys: OwnKeys
  tell: Tell
  now: () => number
  random: () => number
  /** The key that the file held when it was last read or written. */
  inFile: () => string
  /** A successor in use that is in no file; null unless the file could not be written until the old key's end. */
  unsaved: () => string | null
  /** From here on this key, which is in the file, is in use. */
  adopt: (token: string) => void
  /** A successor that is in no file: for when the old key is refused. */
  keep: (token: string) => void
  /** The outlook is known, or another. */
  onOutlook: () => void
}

const firstPauseMs = 2_000
const longestPauseMs = 600_000
const busyPauseMs = 500
const pauseMsAfterFault = 60_000
/** From so many failures in a row on a person is told. */
const toldFailures = 3
/** How often it is looked again at a key that won't be renewed: an administrator may have changed that. */
const restMs = 6 * 3_600_000

/** Goes on in the background from now on. Never throws. */
export function startRenewal(options: RenewalOptions): Renewal {
  const { keys, tell, now, random } = options
  const alarm = createAlarm(now)
  let outlook: 'unknown' | 'renews' | 'ends' = 'unknown'
  let failures = 0
  let isClosed = false
  let renewing: Promise<Renewed> | null = null

  function settle(next: 'renews' | 'ends'): void {
    outlook = next
    options.onOutlook()
  }

  /** Later each time, from half of it on at random, so that many bridges don't come back at one moment. */
  function pauseMs(): number {
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** failures) * (0.5 + 0.5 * random())
    failures++
    return pause
  }

  /** One look at the key, and what follows from it. Answers how long to wait for the next, in milliseconds. */
  async function step(): Promise<number> {
    const unsaved = options.unsaved()
    const token = options.inFile()
    const asked = await keys.describe(unsaved ?? token)
    if (asked.kind === 'unsure') return pauseMs()
    if (asked.kind === 'refused') {
      // 401 is told by whoever makes calls; without the endpoint there is nothing to be known.
      settle('ends')
      return restMs
    }
    const key = asked.value
    const plan = planRenewal(key, random())
    if (plan.kind !== 'renews') {
      failures = 0
      settle('ends')
      return restMs
    }
    if (outlook !== 'renews' && !key.isRetiring) settle('renews')
    if (unsaved === null && plan.at > key.now) {
      failures = 0
      return Math.min(plan.at - key.now, restMs)
    }
    if (isClosed) return restMs
    renewing = renewKey({ path: options.path(), token, unsaved, keys, now })
    const renewed = await renewing
    renewing = null
    return follow(renewed, plan.until, key.endsAt)
  }

  function follow(renewed: Renewed, until: number, endsAt: number): number {
    const line = renewalLine(renewed, { name: shownPath(options.path()), until, endsAt })
    // A lost answer is nothing to tell as long as asking again helps.
    if (line !== null && (renewed.kind !== 'unsure' || failures >= toldFailures))
      tell(line.level, line.code, line.text)
    switch (renewed.kind) {
      case 'renewed':
      case 'changed':
        failures = 0
        options.adopt(renewed.token)
        return 0
      case 'busy':
        return busyPauseMs
      case 'refused':
        settle('ends')
        return restMs
      case 'unsaved':
        options.keep(renewed.successor.token)
        settle('ends')
        break
      case 'blocked':
        settle('ends')
        break
      case 'unsure':
        break
    }
    return pauseMs()
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      let waitMs = pauseMsAfterFault
      try {
        waitMs = await step()
      } catch {
        // A fault of ours must not end the bridge, nor the attempts.
        renewing = null
      }
      if (!isClosed && waitMs > 0) await alarm.wait(waitMs)
    }
  }
  void run()

  return {
    outlook: () => outlook,
    restart() {
      outlook = 'unknown'
      failures = 0
      alarm.ring()
    },
    async close() {
      isClosed = true
      alarm.ring()
      await renewing
    },
  }
}
