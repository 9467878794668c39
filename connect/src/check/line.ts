import { BridgeFailure } from '../contracts.ts'
import { reasons } from '../reasons.ts'

export type CheckName = 'address' | 'key' | 'grants' | 'protocol' | 'renewal'

/** One of the five findings. `text` has no line break and no secret. */
export interface CheckLine {
  name: CheckName
  state: 'ok' | 'warning' | 'failed' | 'skipped'
  text: string
  /** What to do; null where there is nothing, or the text says it. */
  advice: string | null
  /** The exit code that it asks for. */
  exitCode: 0 | 1 | 2
}

export function ok(name: CheckName, text: string): CheckLine {
  return { name, state: 'ok', text, advice: null, exitCode: 0 }
}

/** It works, but not for long, or not as it should. */
export function warning(name: CheckName, text: string, advice: string): CheckLine {
  return { name, state: 'warning', text, advice, exitCode: 0 }
}

export function failed(name: CheckName, text: string, advice: string | null = null): CheckLine {
  return { name, state: 'failed', text, advice, exitCode: 1 }
}

/** It can't be known while something before it fails. */
export function skipped(name: CheckName, text: string): CheckLine {
  return { name, state: 'skipped', text, advice: null, exitCode: 0 }
}

/** The finding about what was thrown: its message says what to do. */
export function failedBy(name: CheckName, error: unknown): CheckLine {
  if (!(error instanceof BridgeFailure)) return failed(name, 'the bridge itself failed: please report it')
  return { ...failed(name, error.message), exitCode: reasons[error.reason].exitCode }
}

const marks = { ok: 'ok  ', warning: 'warn', failed: 'FAIL', skipped: '-   ' } as const

/** As one line for a person. */
export function wordsOf({ name, state, text, advice }: CheckLine): string {
  return `${marks[state]}  ${name.padEnd(8)}  ${text}${advice === null ? '' : `. To do: ${advice}`}`
}

/** What came from outside, fit for a line: without control characters, and not long. */
export function shown(text: string, longest = 60): string {
  const plain = text.replaceAll(/\p{C}/gu, '?')
  return plain.length > longest ? `${plain.slice(0, longest)}…` : plain
}
