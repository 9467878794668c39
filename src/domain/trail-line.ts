import type { CallRecord, EndRecord } from './call.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import type { SealRecord } from './seal.ts'
import type { GoneRow, SealedBatch, StrayRow } from './sealed-trail.ts'

/** The call of a row that retention took, and where its leaf belongs. */
export type GoneLine = GoneRow & { writer: string; batch: number }

/**
 * A line of the trail as it is exported for verification: the rows of a batch in the order of their leaves, then its
 * seal; and checkpoints, each behind the batches that it covers.
 */
export type TrailLine =
  | { call: CallRecord & { batch: number } }
  | { end: EndRecord & { writer: string; batch: number } }
  | { gone: GoneLine }
  | { stray: StrayRow }
  | { seal: SealRecord }
  | { checkpoint: SignedCheckpoint }

/** The lines of a batch, each with its line break. */
export function linesOfBatch({ seal, calls, ends, gone }: SealedBatch): string {
  const place = { writer: seal.writer, batch: seal.number }
  const goneLines = gone.map((row) => ({ gone: { ...row, ...place } }))
  const kinds: TrailLine[][] = [
    [...calls.map((call) => ({ call })), ...goneLines.filter(({ gone: { kind } }) => kind === 'call')],
    [...ends.map((end) => ({ end })), ...goneLines.filter(({ gone: { kind } }) => kind === 'end')],
  ]
  const rows = kinds.flatMap((lines) => lines.sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)))
  return [...rows, { seal }].map(lineOf).join('')
}

/** One line, with its line break. */
export function lineOf(line: TrailLine): string {
  return `${textOf(line)}\n`
}

/** Reads a line, without its line break; null where it isn't to the letter what {@link lineOf} writes. */
export function readLine(text: string): TrailLine | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const [name = '', ...others] = Object.keys(value)
  const fields = isKind(name) ? forms[name] : null
  const content: unknown = Reflect.get(value, name)
  if (fields === null || others.length > 0 || typeof content !== 'object' || content === null) return null
  for (const [field, isRight] of Object.entries(fields))
    if (!isRight(Reflect.get(content, field))) return null
  // Whatever else stands there, in another order or twice: no seal would say so.
  return textOf(value as TrailLine) === text ? (value as TrailLine) : null
}

/** The id that a row stands by within its batch; empty for other lines. */
export function idOf(line: TrailLine): string {
  if ('call' in line) return line.call.id
  if ('end' in line) return line.end.callId
  return 'gone' in line ? line.gone.id : ''
}

type Kind = 'call' | 'end' | 'gone' | 'stray' | 'seal' | 'checkpoint'

function textOf(line: TrailLine): string {
  const [name = '', content] = Object.entries(line)[0] ?? []
  const fields = isKind(name) ? Object.keys(forms[name]) : []
  const pairs = fields.map((field) => [field, Reflect.get(content as object, field) as unknown])
  return JSON.stringify({ [name]: Object.fromEntries(pairs) as object })
}

function isKind(name: string): name is Kind {
  return Object.hasOwn(forms, name)
}

type Check = (value: unknown) => boolean

/** As a database gives it back: NUL and half a surrogate pair are sealed as what they become there. */
const string: Check = (value) => typeof value === 'string' && !/[\0\p{Surrogate}]/u.test(value)
const whole: Check = (value) => Number.isSafeInteger(value)
const numeric: Check = (value) => Number.isFinite(value)
const flag: Check = (value) => typeof value === 'boolean'
const digest: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const id: Check = (value) =>
  typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)

/** What lines hold, in their order. */
const forms: Record<Kind, Record<string, Check>> = {
  call: {
    id,
    writer: string,
    batch: whole,
    boot: string,
    sequence: whole,
    at: whole,
    requestId: string,
    credentialKind: orNull(string),
    keyId: orNull(id),
    serviceUserId: orNull(id),
    principal: orNull(string),
    grantsDigest: orNull(string),
    traceId: orNull(string),
    argumentsHmac: orNull(string),
    httpMethod: orNull(string),
    path: orNull(string),
    method: orNull(string),
    tool: orNull(string),
    outcome: orNull(string),
    reason: orNull(string),
    status: orNull(whole),
    durationMs: orNull(numeric),
    rpcCode: orNull(whole),
    isToolError: orNull(flag),
    clientAddress: orNull(string),
    userAgent: orNull(string),
    count: whole,
    lastAt: whole,
  },
  end: {
    callId: id,
    writer: string,
    batch: whole,
    at: whole,
    outcome: string,
    reason: orNull(string),
    status: orNull(whole),
    durationMs: numeric,
    rpcCode: orNull(whole),
    isToolError: orNull(flag),
  },
  gone: {
    kind: (value) => value === 'call' || value === 'end',
    id,
    writer: string,
    batch: whole,
    leaf: digest,
  },
  stray: {
    kind: (value) => value === 'call' || value === 'end',
    id,
    writer: orNull(string),
    batch: orNull(whole),
  },
  seal: {
    writer: string,
    number: whole,
    boot: string,
    calls: whole,
    ends: whole,
    root: digest,
    previous: digest,
    seal: digest,
  },
  checkpoint: { text: string, signature: string, key: string },
}
