import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { openRecorder } from '../dist/audit/recorder.js'
import { newId } from '../dist/domain/id.js'
import { StoreUnavailable } from '../dist/domain/ports.js'
import { openPostgres } from '../dist/store/store.js'
import { check, figure } from './measure.mjs'

const rounds = 5
const rows = 20_000
const quotaBytes = 1_000_000_000

/** Rows a second that wait for the database, from when it is back, and those that an earlier run left in the spool. */
export async function benchCatchUp({ postgres, directory }) {
  const connectionString = await postgres.createDatabase('catch_up')
  const store = openPostgres({ connectionString, schema: 'postern' })
  await store.migrate()
  const afterOutage = []
  const atBoot = []
  const writer = randomUUID()
  let written = 0
  try {
    for (let round = 0; round <= rounds; round++) {
      const spool = join(directory, `catch-up-${round}`)
      const backlog = await fill(store.trail, { spool, writer })
      const [waiting, left] = [await backlog.catchUp(), await replay(store.trail, { spool, writer })]
      written += 2 * rows
      if (round > 0) {
        afterOutage.push(waiting)
        atBoot.push(left)
      }
      await rm(spool, { recursive: true, force: true })
    }
    const counted = await count(store, writer)
    check(counted === written, `${counted} rows for ${written} calls`)
  } finally {
    await store.close()
  }
  return [
    figure('catch-up after an outage', 'rows/s', afterOutage, { atLeast: 20_000 }),
    figure('replay of the spool at start', 'rows/s', atBoot, { atLeast: 20_000 }),
  ]
}

/** A recorder whose rows wait, since the database is away. */
async function fill(trail, { spool, writer }) {
  let isAway = true
  const append = (batch) => (isAway ? Promise.reject(new StoreUnavailable('away')) : trail.append(batch))
  const recorder = open({ append }, { spool, writer })
  for (let row = 0; row < rows; row += 500) {
    const begun = await Promise.all(Array.from({ length: 500 }, () => recorder.begin([draft()], 'spool')))
    const safe = await Promise.all(begun.map((one) => one.finish(finish)))
    check(safe.every(Boolean), 'rows were not safe')
  }
  check(recorder.backlog() === rows, `${recorder.backlog()} rows wait`)
  return {
    async catchUp() {
      isAway = false
      // The next try comes within a second.
      while (recorder.backlog() === rows) await pause()
      const started = performance.now()
      const before = recorder.backlog()
      while (recorder.backlog() > 0) await pause()
      const perSecond = before / ((performance.now() - started) / 1000)
      await recorder.close(1000)
      return perSecond
    },
  }
}

/** A run that ended while the database was away, and the next one. */
async function replay(trail, { spool, writer }) {
  const append = () => Promise.reject(new StoreUnavailable('away'))
  const ended = open({ append }, { spool, writer })
  await Promise.all(
    Array.from({ length: rows }, async () => (await ended.begin([draft()], 'spool')).finish(finish)),
  )
  await ended.close(0)
  const started = performance.now()
  const recorder = open(trail, { spool, writer })
  const replayed = await recorder.replay()
  const seconds = (performance.now() - started) / 1000
  check(replayed === rows, `${replayed} rows replayed`)
  await recorder.close(1000)
  return rows / seconds
}

async function count(store, writer) {
  const heads = await store.sealedTrail.heads()
  const from = new Map()
  let counted = 0
  for (;;) {
    const batches = await store.sealedTrail.batches(from, heads, 10_000)
    if (batches.length === 0) return counted
    for (const { seal, calls } of batches) {
      if (seal.writer === writer) counted += calls.length
      from.set(seal.writer, seal.number)
    }
  }
}

function open(trail, { spool, writer }) {
  const log = { warn: () => {}, error: (_fields, message) => check(false, message) }
  const clock = { now: Date.now, monotonic: () => performance.now() }
  return openRecorder({
    ...{ trail, clock, log, directory: spool, writer, boot: randomUUID(), quotaBytes, holdMs: 5000 },
  })
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 1))
const finish = { outcome: 'succeeded', reason: null, status: 200, durationMs: 12.345 }
const [keyId, serviceUserId] = [randomUUID(), randomUUID()]

function draft() {
  const at = Date.now()
  return {
    ...{ at, requestId: newId(at), credentialKind: 'service-key', keyId, serviceUserId, principal: null },
    ...{ grantsDigest: null, traceId: null, argumentsHmac: null, httpMethod: 'POST', path: '/mcp' },
    ...{
      method: 'tools/call',
      tool: 'list_channels',
      clientAddress: '127.0.0.1',
      userAgent: 'postern-bench/1.0',
    },
  }
}
