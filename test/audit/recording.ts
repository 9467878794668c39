import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type {
  Begun,
  CallDraft,
  Finish,
  Recorder,
  RecorderOptions,
  TrailMode,
} from '../../src/audit/recorder.ts'
import { openRecorder } from '../../src/audit/recorder.ts'
import { readLine, type SpoolLine } from '../../src/audit/spool-line.ts'
import { createFakeClock } from '../verify/fake-clock.ts'
import { createFakeTrail } from './fake-trail.ts'

let lastNumber = 0

export function draft(fields: Partial<CallDraft> = {}): CallDraft {
  return {
    at: 1_800_000_000_000,
    requestId: `request-${++lastNumber}`,
    credentialKind: 'service-key',
    keyId: 'key-1',
    serviceUserId: 'user-1',
    principal: null,
    grantsDigest: null,
    traceId: null,
    argumentsHmac: null,
    httpMethod: 'POST',
    path: '/mcp',
    method: 'tools/call',
    tool: 'greet',
    clientAddress: '192.0.2.1',
    userAgent: 'test',
    ...fields,
  }
}

export const succeeded: Finish = { outcome: 'succeeded', reason: null, status: 200, durationMs: 5 }
export const denied = { reason: 'unknown_key', status: 401, durationMs: 1 } as const

export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'postern-spool-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A recorder on a new directory, a trail in memory and a clock that stands still. */
export function setUp(options: Partial<RecorderOptions> = {}) {
  const clock = createFakeClock()
  const trail = createFakeTrail()
  const directory = options.directory ?? join(newDirectory(), 'spool')
  const errors: string[] = []
  let boots = 0
  /** A new run on the same directory. One that is not closed first has crashed. */
  function open(): Recorder {
    return openRecorder({
      trail,
      clock,
      directory,
      writer: 'node-1',
      boot: `boot-${++boots}`,
      quotaBytes: 10_000_000,
      holdMs: 100,
      log: { warn: () => {}, error: (_fields, message) => errors.push(message) },
      ...options,
    })
  }
  return { clock, trail, directory, errors, open, recorder: open() }
}

/** A call from its intent to its end; whether its answer may leave. */
export async function finished(
  recorder: Recorder,
  drafts: readonly CallDraft[],
  mode: TrailMode,
): Promise<boolean> {
  return (await recorder.begin(drafts, mode)).finish(succeeded)
}

/** Calls that begin one after another: each has a write of its own. */
export async function beginEach(
  recorder: Recorder,
  drafts: readonly CallDraft[],
  mode: TrailMode,
): Promise<Begun[]> {
  const begun: Begun[] = []
  for (const one of drafts) begun.push(await recorder.begin([one], mode))
  return begun
}

/** Every line in the spool, in the order of the files' names. */
export function spoolLines(directory: string): SpoolLine[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').filter(Boolean))
    .flatMap((line) => readLine(line) ?? [])
}

export function sequences(rows: Iterable<{ sequence: number }>): number[] {
  return [...rows].map((row) => row.sequence).sort((a, b) => a - b)
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}
