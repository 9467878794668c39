import type { CallJson } from '../api/types.ts'
import type { Tone } from '../text/key-state.ts'

export const outcomes = ['succeeded', 'failed', 'denied', 'aborted', 'passed', 'unknown'] as const

const tones: Record<CallJson['outcome'], Tone> = {
  succeeded: 'good',
  failed: 'warn',
  denied: 'bad',
  aborted: 'warn',
  passed: 'neutral',
  unknown: 'warn',
}

/** How a call ended, as a badge: the tool's own failure is told from one on the way. */
export function outcomeWords(call: Pick<CallJson, 'outcome' | 'isToolError'>): { label: string; tone: Tone } {
  const label = call.outcome === 'failed' && call.isToolError === true ? 'tool failed' : call.outcome
  return { label, tone: tones[call.outcome] }
}

/** What was called, in one line: the tool, else the JSON-RPC method, else the HTTP request. */
export function calledWhat(call: Pick<CallJson, 'tool' | 'method' | 'httpMethod' | 'path'>): string {
  return call.tool ?? call.method ?? ([call.httpMethod, call.path].filter(Boolean).join(' ') || 'unreadable')
}

/** `23 Nov, 14:03:22`, in the reader's zone: a trail is read by the clock. */
export function clockTime(at: string, timeZone?: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(Date.parse(at))
}
