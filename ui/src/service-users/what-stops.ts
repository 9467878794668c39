import type { ListedKeyJson } from '../api/types.ts'
import { counted, wholeCount } from '../text/numbers.ts'

type Counted = Pick<ListedKeyJson, 'state' | 'days'>

/** What disabling a service user stops, or enabling it brings back: its keys, and what came with them lately. */
export function whatStops(
  keys: readonly Counted[],
  { isDisabled, hasMore }: { isDisabled: boolean; hasMore: boolean },
): string {
  // Of a disabled service user every key that has not ended reads "disabled".
  const living = keys.filter(
    ({ state }) => state === 'active' || state === 'retiring' || state === 'disabled',
  )
  if (living.length === 0) return isDisabled ? 'None of its keys would work.' : 'It has no key that works.'
  const isOne = living.length === 1 && !hasMore
  const many = hasMore ? `More than ${wholeCount(living.length)} keys` : counted(living.length, 'key')
  if (isDisabled) return `${many} would work again, ${isOne ? 'until its' : 'each until its own'} end.`
  const calls = living.reduce((sum, { days }) => sum + weekOf(days), 0)
  const them = isOne ? 'it' : 'them'
  const traffic =
    calls === 0
      ? `Nothing called with ${them} in the last 7 days.`
      : `${hasMore ? 'More than ' : ''}${counted(calls, 'call')} came with ${them} in the last 7 days.`
  return `${many} ${isOne ? 'stops' : 'stop'}. ${traffic}`
}

function weekOf(days: Counted['days']): number {
  return days.slice(-7).reduce((sum, { calls, refused }) => sum + calls - refused, 0)
}
