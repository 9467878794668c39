import type { Begun } from '../audit/recorder.ts'
import { type Passage, styleOf } from './gate.ts'
import { refusalResponse } from './refusal.ts'

export interface Recording {
  begun: Begun
  passage: Passage
  durationMs: () => number
}

/** Records what a handler threw, and throws it on: Next answers it. */
export async function finishThrown(error: unknown, recording: Recording): Promise<Response> {
  const { begun, passage, durationMs } = recording
  const status = statusOf(error)
  const end = {
    outcome: status < 400 ? 'succeeded' : 'failed',
    reason: null,
    status,
    durationMs: durationMs(),
  } as const
  if (await begun.finish(end)) throw error
  begun.end({ ...end, reason: 'executed_unrecorded', status: 500 })
  return refusalResponse('executed_unrecorded', styleOf(passage))
}

/** Next's `redirect()`, `notFound()` and the like throw, and say by their digest how they are answered. */
function statusOf(error: unknown): number {
  const digest = error instanceof Error && 'digest' in error ? String(error.digest) : ''
  const status = /^(?:NEXT_HTTP_ERROR_FALLBACK;|NEXT_REDIRECT;.*;)([1-5][0-9]{2})(?:;|$)/.exec(digest)?.[1]
  return status === undefined ? 500 : Number(status)
}
