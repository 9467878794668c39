import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, appendFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { generateKeyPairSync } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createVerifier } from '../../src/audit/verify/verify-trail.ts'
import { readLine } from '../../src/domain/trail-line.ts'
import { createOutbound } from '../../src/outbound/outbound.ts'
import type { Database } from '../../src/store/database.ts'
import { openPgliteDatabase } from '../../src/store/pglite.ts'
import { migrate } from '../../src/store/migrate.ts'
import { migrations } from '../../src/store/migrations.gen.ts'
import { checkpointQueries } from '../../src/store/queries/checkpoints.ts'
import { sealedTrailQueries } from '../../src/store/queries/sealed-trail.ts'
import { sinkQueries } from '../../src/store/queries/sinks.ts'
import { inSchema } from '../../src/store/schema.ts'
import { createCheckpoints } from '../../src/upkeep/checkpoints.ts'
import { createFileTarget } from '../../src/upkeep/file-target.ts'
import { followTrail, type SinkTarget } from '../../src/upkeep/sink.ts'
import { createWebhookTarget } from '../../src/upkeep/webhook-target.ts'
import { call, end } from '../store/records.ts'
import { sealedWriter } from '../store/sealed-batches.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const { privateKey } = generateKeyPairSync('ed25519')

let directory: string
let raw: Database
let database: Database
const closings: (() => void)[] = []
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'postern-sink-'))
  raw = openPgliteDatabase({ directory: join(directory, 'pglite') })
  database = inSchema(raw, 'postern')
  await migrate(database, 'postern', migrations)
  return async () => {
    await raw.close()
    rmSync(directory, { recursive: true, force: true })
  }
})
afterEach(() => {
  for (const close of closings.splice(0)) close()
})

const storeOf = () => ({
  sealedTrail: sealedTrailQueries(database),
  checkpoints: checkpointQueries(database),
  sinks: sinkQueries(database),
})

const sign = () => {
  const { sealedTrail: trail, checkpoints: store } = storeOf()
  return createCheckpoints({
    trail,
    store,
    clock: Date,
    keepMs: 400 * 86_400_000,
    key: () => privateKey,
  }).sign()
}

/** Batches of two writers, of 1 to 40 rows, and a checkpoint now and then. */
async function writeTrail(batches: number): Promise<number> {
  const writers = [sealedWriter(database, 'node-a'), sealedWriter(database, 'node-b')]
  let rows = 0
  for (let n = 0; n < batches; n++) {
    const calls = Array.from({ length: ((n * 7) % 40) + 1 }, () => call()).sort((a, b) =>
      a.id < b.id ? -1 : 1,
    )
    const ends = n % 3 === 0 ? calls.slice(0, 1).map(({ id }) => end(id)) : []
    await writers[n % 2]?.(calls, ends, Date.now() + n)
    rows += calls.length + ends.length
    if (n % 10 === 9) await sign()
  }
  return rows
}

async function follow(target: SinkTarget, only: 'checkpoints' | null = null): Promise<void> {
  await followTrail({ name: 'archive', only, target, store: storeOf() }, async () => true)
}

type Answer = (request: IncomingMessage, body: string, response: ServerResponse) => void

async function receiver(answer: Answer): Promise<SinkTarget> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => answer(request, Buffer.concat(pieces).toString(), response))
    request.on('error', () => {})
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  closings.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/trail`
  const send = createOutbound({ allowAddresses: ['127.0.0.0/8'], stepTimeoutMs: 300, totalTimeoutMs: 600 })
  return createWebhookTarget({ url, secrets: [secret] }, { send, clock: Date })
}

function linesIn(body: unknown): string {
  const { lines } = body as { lines: string[] }
  return lines.map((line) => `${line}\n`).join('')
}

function verdictOf(text: string, isPartial = true) {
  const verifier = createVerifier({ keys: [], isPartial })
  for (const line of text.split('\n').slice(0, -1)) if (!verifier.read(line)) break
  return verifier.end()
}

describe('a webhook that fails, is slow, dies half-way and answers nonsense', () => {
  test('gets each row at least once, and the batches of each writer in their order', async () => {
    const rows = await writeTrail(60)
    let requests = 0
    let taken = ''
    const target = await receiver((request, sent, response) => {
      const turn = requests++ % 6
      const headers = request.headers as Record<string, string>
      const body = linesIn(new Webhook(secret).verify(sent, headers))
      expect(headers['content-type']).toBe('application/json')
      if (turn === 0) response.writeHead(503).end()
      else if (turn === 1) request.socket.destroy()
      // Taken, but the answer is too late or lost: sent again.
      else if (turn === 2) taken += body
      else if (turn === 3) {
        taken += body
        response.writeHead(200)
        response.flushHeaders()
        response.socket?.destroy()
      } else if (turn === 4) response.writeHead(302, { location: 'http://127.0.0.1/elsewhere' }).end()
      else {
        taken += body
        response.writeHead(204).end()
      }
    })
    let failures = 0
    for (let pass = 0; pass < 200; pass++)
      try {
        await follow(target)
        break
      } catch (error) {
        expect(error).toMatchObject({ code: 'sink_failed' })
        expect(String(error)).not.toContain('127.0.0.1')
        failures++
      }
    expect(failures).toBeGreaterThan(5)
    const verdict = verdictOf(taken)
    expect(verdict.fault).toBeNull()
    expect(verdict.calls + verdict.ends).toBe(rows)
    expect(verdict).toMatchObject({ batches: 60, checkpoints: 6, uncoveredBatches: 0 })
    expect(verdict.repeatedBatches).toBeGreaterThan(0)
    expect(await storeOf().sinks.lag('archive')).toEqual({ batches: 0, oldestAt: null })
  })

  test('that only wants checkpoints gets those, signed', async () => {
    await writeTrail(20)
    let taken = ''
    const target = await receiver((_, body, response) => {
      taken += linesIn(JSON.parse(body))
      response.writeHead(200).end()
    })
    await follow(target, 'checkpoints')
    const lines = taken.split('\n').slice(0, -1).map(readLine)
    expect(lines.map((line) => Object.keys(line ?? {}))).toEqual([['checkpoint'], ['checkpoint']])
  })
})

describe('a file', () => {
  const pathOf = () => join(directory, 'trail.jsonl')
  const targetOf = (rotateBytes = 2 ** 30) => createFileTarget({ path: pathOf(), rotateBytes, clock: Date })

  test('holds the trail as it can be verified, also where a crash had left half a batch', async () => {
    await writeTrail(30)
    await follow(targetOf())
    const whole = readFileSync(pathOf(), 'utf8')
    expect(verdictOf(whole, false)).toMatchObject({ fault: null, batches: 30 })
    // Two rows of a batch to come, and half of a third.
    appendFileSync(pathOf(), `${whole.split('\n').slice(0, 2).join('\n')}\n{"call":{"id":"0`)
    await sealedWriter(database, 'node-c')([call()], [], Date.now() + 1000)
    await sign()
    await follow(targetOf())
    expect(verdictOf(readFileSync(pathOf(), 'utf8'), false)).toMatchObject({
      fault: null,
      batches: 31,
      checkpoints: 4,
    })
  })

  test('that was moved away is made anew, by others or at its size', async () => {
    await writeTrail(30)
    await follow(targetOf(20_000))
    const parts = readdirSync(directory)
      .filter((name) => name.startsWith('trail.jsonl'))
      .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    expect(parts.length).toBeGreaterThan(1)
    const [newest = '', ...older] = parts
    const all = [...older, newest].map((name) => readFileSync(join(directory, name), 'utf8')).join('')
    expect(verdictOf(all, false)).toMatchObject({ fault: null, batches: 30 })
  })

  test('on a disk that takes nothing is tried again, and misses nothing', async () => {
    await writeTrail(5)
    writeFileSync(join(directory, 'blocker'), '')
    const blocked = createFileTarget({
      path: join(directory, 'blocker', 'trail.jsonl'),
      rotateBytes: 2 ** 30,
      clock: Date,
    })
    await expect(follow(blocked)).rejects.toMatchObject({ code: 'ENOTDIR' })
    expect((await storeOf().sinks.lag('archive')).batches).toBe(5)
    await follow(targetOf())
    expect(verdictOf(readFileSync(pathOf(), 'utf8'))).toMatchObject({ fault: null, batches: 5 })
  })
})
