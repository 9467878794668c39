import { statfsSync } from 'node:fs'
import type { CallRecord, EndRecord, Outcome, Reply } from '../domain/call.ts'
import type { Clock, TrailStore } from '../domain/ports.ts'
import type { Reason } from '../domain/verdict.ts'
import type { Added, PendingRow, RowFate } from './batches.ts'
import { createBatches } from './batches.ts'
import { createChains } from './chain.ts'
import { createDenialGate } from './denial-gate.ts'
import { createIntents } from './intents.ts'
import { replay } from './replay.ts'
import { filesLeftBehind, filesSetAside } from './left-behind.ts'
import type { Segment } from './spool.ts'
import { openSpool } from './spool.ts'
import type { SpoolLine } from './spool-line.ts'

/**
 * What happens while the database is away. `strict`: no call is sent on. `spool`: calls go on, from a spool that
 * is synced to the disk, up to a quota.
 */
export type TrailMode = 'strict' | 'spool'

/** What is known of a call before it is sent on. Times are epoch milliseconds. */
export type CallDraft = Omit<
  CallRecord,
  | 'id'
  | 'writer'
  | 'boot'
  | 'sequence'
  | 'outcome'
  | 'reason'
  | 'status'
  | 'durationMs'
  | 'rpcCode'
  | 'isToolError'
  | 'count'
  | 'lastAt'
>

/** How a call ended. */
export interface Finish {
  outcome: Outcome
  reason: Reason | null
  /** The HTTP status; null where none was given. */
  status: number | null
  durationMs: number
  /**
   * What the replies say, in the order of the drafts; null for those that could not be read. A call whose reply says
   * that it failed has failed, whatever the status.
   */
  replies?: readonly (Reply | null)[]
}

/** Calls that are in the spool and may be sent on; several for a batch. */
export interface Begun {
  /** The whole answer is known: writes the rows. True when the answer may leave, false when the rows are not safe in time. */
  finish(finish: Finish): Promise<boolean>
  /** Only the answer's head is known: writes the rows, whose end is to come. As {@link Begun.finish}. */
  open(status: number): Promise<boolean>
  /** The second fact, for calls whose rows are written: how they ended. Nobody waits for it. */
  end(finish: Finish): void
}

/**
 * The only way into the trail. A call's row is in the spool before the call goes on, and in the database before
 * the first byte of its answer leaves.
 */
export interface Recorder {
  /** Null where calls may be sent on; otherwise why the trail can't take them. */
  refusal(mode: TrailMode): Reason | null
  /** Writes the intents to the spool. Rejects where the disk doesn't take them: then nothing may be sent on. */
  begin(drafts: readonly CallDraft[], mode: TrailMode): Promise<Begun>
  /** Whether commits are failing at present. */
  isAway(): boolean
  /** Makes what begun calls left in the spool survive a power loss. */
  sync(): Promise<void>
  /** Records a denial. Nobody waits for it, and it never throws. */
  deny(draft: CallDraft, denial: { reason: Reason; status: number; durationMs: number }): void
  /** Rows that wait for the database. */
  backlog(): number
  /** Bytes of the spool that wait for the database. */
  spooledBytes(): number
  /** Files of the spool that could not be replayed whole, in this run or before: they are kept for people. */
  filesSetAside(): number
  /** Writes what earlier runs left in the spool; answers the number of rows. Throws StoreUnavailable, and keeps the rest. */
  replay(): Promise<number>
  /** Commits what is left, for `timeoutMs` at most; what stays behind stays in the spool. */
  close(timeoutMs: number): Promise<void>
}

export interface RecorderOptions {
  trail: Pick<TrailStore, 'append'>
  clock: Clock
  /** Directory of the spool's files; made where it isn't there. */
  directory: string
  /** The node's id and its run's. */
  writer: string
  boot: string
  /** Bytes that the spool may hold while the database is away, before calls are refused. */
  quotaBytes: number
  /** How long an answer is held for its row, in milliseconds. */
  holdMs: number
  log: {
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  /** Told of each batch, for the metrics. */
  onCommitted?: (rows: number, tookMs: number) => void
}

export function openRecorder(options: RecorderOptions): Recorder {
  const { trail, clock, log, writer, boot } = options
  const spool = openSpool(options.directory, boot)
  const files = filesLeftBehind(options.directory, boot)
  warnOfLittleRoom(options)
  const intents = createIntents({
    writer,
    boot,
    // While the database is there, what is pending is what is under way.
    append: (lines) => spool.append(lines, batches.isAway() ? options.quotaBytes : Infinity),
  })

  let setAside = filesSetAside(options.directory).length

  const chainOf = createChains(boot)

  const batches = createBatches({
    trail,
    chain: chainOf(writer),
    clock,
    holdMs: options.holdMs,
    onCommitted(rows, tookMs) {
      try {
        for (const { segment } of rows) if (segment !== null) spool.settle(segment, 1)
      } catch (error) {
        // A file that stays is replayed by the next start, and changes nothing.
        log.warn({ err: error }, 'a file of the spool cannot be removed')
      }
      options.onCommitted?.(rows.length, tookMs)
    },
    onAway(rows, error) {
      log.warn({ rows: rows.length, err: error }, 'the trail is away; its rows wait in the spool')
      amend(rows)
    },
    onRejected(row, error) {
      // Its line stays pending, and so its file stays: a person has to look.
      log.error(
        { callId: row.call?.id ?? row.end?.callId, err: error },
        'the database refuses a row of the trail',
      )
    },
  })

  /**
   * The spool has the intents; now it gets what became of them, should this process end before the database is
   * back. The rows move to the file that has their last word: it must not go before they are committed.
   */
  function amend(rows: readonly PendingRow[]): void {
    const lines = rows.flatMap(({ call }) => (call === null ? [] : [{ call }]))
    if (lines.length === 0) return
    try {
      const segment = spool.append(lines)
      for (const row of rows) {
        if (row.call === null) continue
        if (row.segment !== null) spool.settle(row.segment, 1)
        row.segment = segment
      }
    } catch (error) {
      log.error({ err: error }, 'the spool cannot be written')
    }
  }

  /** For rows that nobody waits for: a full disk is no reason to keep them from the database, too. */
  function spoolIfPossible(line: SpoolLine): Segment | null {
    try {
      return spool.append([line])
    } catch (error) {
      log.error({ err: error }, 'the spool cannot be written')
      return null
    }
  }

  const gate = createDenialGate<CallDraft & { reason: Reason; status: number; durationMs: number }>({
    clock,
    countAll: () => batches.isAway(),
    isFull: () => spool.pendingBytes() >= options.quotaBytes,
    emit({ reason, status, durationMs, ...draft }, count, lastAt) {
      const denied = { outcome: 'denied', reason, status, durationMs, count, lastAt } as const
      const call = Object.assign(intents.record(draft), denied)
      batches.add({ call, end: null, segment: spoolIfPossible({ call }) })
    },
  })

  function begunOf(rows: readonly PendingRow[], mode: TrailMode): Begun {
    function write(known: Partial<Finish>): Promise<boolean> {
      for (let at = 0; at < rows.length; at++) {
        const call = rows[at]?.call ?? null
        if (call === null) continue
        const reply = known.replies?.[at] ?? null
        call.outcome = known.outcome === undefined ? null : outcomeOf(known.outcome, reply)
        call.reason = known.reason ?? null
        call.status = known.status ?? null
        call.durationMs = known.durationMs ?? null
        if (reply !== null) {
          call.rpcCode = reply.rpcCode
          call.isToolError = reply.isToolError
        }
        if (call.keyId !== null && call.outcome !== 'denied') batches.used(call.keyId, call.at)
      }
      if (batches.isAway()) amend(rows)
      const added = rows.map((row) => batches.add(row))
      const [first] = added
      // The usual call, with as little as can be to wake up when the batch is committed.
      if (added.length === 1 && first !== undefined && mode === 'strict')
        return first.settled().then(isCommitted)
      return untilSafe(added)
    }

    async function untilSafe(added: readonly Added[]): Promise<boolean> {
      const fates = await Promise.all(
        added.map((row) => (mode === 'spool' ? row.untilAway() : row.settled())),
      )
      if (mode === 'spool' && fates.some((fate) => fate === 'away' || fate === 'late')) {
        // A database that hangs is as good as away: what became of the call is made safe here instead.
        if (fates.includes('late')) amend(rows)
        await spool.sync()
        return !fates.includes('rejected')
      }
      return fates.every(isCommitted)
    }

    return {
      finish: (finish) => write(finish),
      open: (status) => write({ status }),
      end({ outcome, reason, status, durationMs, replies }) {
        for (const [index, { call }] of rows.entries()) {
          if (call === null) continue
          const reply = replies?.[index] ?? null
          addEnd({
            callId: call.id,
            at: clock.now(),
            outcome: outcomeOf(outcome, reply),
            reason,
            status,
            durationMs,
            rpcCode: reply?.rpcCode ?? null,
            isToolError: reply?.isToolError ?? null,
          })
        }
      },
    }
  }

  function addEnd(end: EndRecord): void {
    batches.add({ call: null, end, segment: spoolIfPossible({ end }) })
  }

  return {
    refusal(mode) {
      if (!batches.isAway()) return null
      if (mode === 'spool' && spool.pendingBytes() < options.quotaBytes) return null
      return 'trail_unavailable'
    },
    begin: (drafts, mode) => intents.spool(drafts).then((rows) => begunOf(rows, mode)),
    isAway: () => batches.isAway(),
    sync: () => spool.sync(),
    deny: (draft, denial) => gate.deny({ ...draft, ...denial }),
    backlog: () => batches.backlog(),
    spooledBytes: () => spool.pendingBytes(),
    filesSetAside: () => setAside,
    async replay() {
      try {
        return await replay({ files, trail, chainOf, writer, log })
      } finally {
        setAside = filesSetAside(options.directory).length
      }
    },
    async close(timeoutMs) {
      gate.flush()
      intents.flush()
      const left = await batches.drain(timeoutMs)
      if (left > 0) log.warn({ rows: left }, 'rows of the trail stay in the spool for the next start')
      batches.stop()
      spool.close()
    },
  }
}

/** Told at the start, since in an outage it is too late. */
function warnOfLittleRoom({ directory, quotaBytes, log }: RecorderOptions): void {
  const { bavail, bsize } = statfsSync(directory)
  const freeBytes = bavail * bsize
  if (freeBytes < quotaBytes)
    log.warn(
      { freeBytes, quotaBytes },
      'the disk of the spool has less room than the spool may take: while the database is away, calls are refused sooner',
    )
}

function isCommitted(fate: RowFate): boolean {
  return fate === 'committed'
}

function outcomeOf(outcome: Outcome, reply: Reply | null): Outcome {
  if (outcome !== 'succeeded' || reply === null) return outcome
  return reply.rpcCode !== null || reply.isToolError === true ? 'failed' : outcome
}
