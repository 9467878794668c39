import type { NoticeJson } from '../api/types.ts'
import type { Tone } from '../text/key-state.ts'
import type { DueNotice } from './due-next.ts'

type Delivery = NoticeJson['deliveries'][number]

/** How a delivery stands, in a word and a colour. */
export function deliveryWords({ state, attempts }: Pick<Delivery, 'state' | 'attempts'>): {
  label: string
  tone: Tone
} {
  if (state === 'delivered') return { label: 'delivered', tone: 'good' }
  if (state === 'dead') return { label: 'given up', tone: 'bad' }
  return attempts === 0 ? { label: 'waiting', tone: 'neutral' } : { label: 'trying again', tone: 'warn' }
}

/** What a notice to come will say. */
export function dueWords({ kind, daysLeft }: DueNotice): string {
  if (kind !== 'key-expiring') return words[kind]
  return daysLeft === 1 ? 'Expires within a day' : `Expires within ${daysLeft ?? 0} days`
}

const words: Record<Exclude<DueNotice['kind'], 'key-expiring'>, string> = {
  'key-expired': 'Has expired',
  'overlap-ending': 'Old key ends within a day, if it is still used',
  'overlap-ended': 'Old key has ended',
  'key-unused': 'Unused for 90 days',
}
