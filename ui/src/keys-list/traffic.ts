import { counted, wholeCount } from '../text/numbers.ts'

/** Calls in words, for whoever can't see the bars. */
export function trafficWords(calls: number, refused: number): string {
  if (calls === 0) return 'No calls in 30 days'
  const all = `${counted(calls, 'call')} in 30 days`
  return refused === 0 ? `${all}, none refused` : `${all}, ${wholeCount(refused)} refused`
}
