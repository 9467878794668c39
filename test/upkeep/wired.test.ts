import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { adminBasePath } from '../../src/admin/api.ts'
import { createVerifier } from '../../src/audit/verify/verify-trail.ts'
import { parseConfig } from '../../src/config.ts'
import { newId } from '../../src/domain/id.ts'
import { createPostern, type Postern } from '../../src/postern.ts'
import { draft, succeeded } from '../audit/recording.ts'
import { startPostgres, type PostgresServer } from '../store/postgres-server.ts'

let server: PostgresServer
let directory: string
let postern: Postern | null = null
beforeAll(async () => {
  server = await startPostgres()
  directory = mkdtempSync(join(tmpdir(), 'postern-upkeep-'))
})
afterEach(async () => {
  await postern?.close()
  postern = null
})
afterAll(async () => {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
})

let directories = 0
const engines: [string, () => Promise<object>][] = [
  ['Postgres', async () => ({ database: await server.createDatabase() })],
  ['PGlite', async () => ({})],
]

function verified(text: string, keys: readonly string[]) {
  const verifier = createVerifier({ keys, isPartial: false })
  for (const line of text.split('\n').slice(0, -1)) if (!verifier.read(line)) break
  return verifier.end()
}

describe.each(engines)('a node on %s', (_, settings) => {
  test('seals, signs, hands on and exports its trail, and all of it is verified', async () => {
    const data = join(directory, String(++directories))
    mkdirSync(data)
    const sink = join(data, 'sink.jsonl')
    const config = parseConfig(
      {
        ...(await settings()),
        data,
        log: { level: 'silent' },
        trail: { sinks: [{ name: 'archive', file: sink }] },
      },
      {},
      data,
    )
    postern = createPostern(config)
    const recorder = await postern.start()
    const { admin } = postern
    const get = async (path: string) => {
      const answer = await admin(new Request(`http://postern${adminBasePath}/api/v1${path}`))
      expect(answer.status).toBe(200)
      return await answer.text()
    }
    async function record(count: number): Promise<void> {
      for (let n = 0; n < count; n++) {
        const of = {
          keyId: newId(Date.now()),
          serviceUserId: newId(Date.now()),
          at: Date.now(),
          tool: `tool "${n}"\u2028\0`,
        }
        const begun = await recorder.begin([draft(of)], 'strict')
        if (n % 3 === 0) {
          expect(await begun.open(200)).toBe(true)
          begun.end({ outcome: 'succeeded', reason: null, status: null, durationMs: 7.25 })
        } else expect(await begun.finish(succeeded)).toBe(true)
        recorder.deny(draft({ at: Date.now(), keyId: null, serviceUserId: null }), {
          reason: 'missing_credential',
          status: 401,
          durationMs: 1,
        })
      }
    }
    await record(30)
    const { checkpointKeys } = JSON.parse(await get('/audit/upkeep')) as { checkpointKeys: string[] }
    expect(checkpointKeys).toHaveLength(1)
    const first = await get('/audit/sealed')
    const verdict = verified(first, checkpointKeys)
    expect(verdict.fault).toBeNull()
    expect(verdict.calls).toBeGreaterThanOrEqual(30)
    expect(verdict.ends).toBeGreaterThan(0)

    await record(10)
    // What comes later goes on behind the checkpoint before.
    const rest = await get(`/audit/sealed?after=${verdict.last?.number}`)
    const whole = verified(first + rest, checkpointKeys)
    expect(whole).toMatchObject({ fault: null })
    expect(whole.calls).toBeGreaterThanOrEqual(verdict.calls + 10)

    await postern.tick()
    const state = JSON.parse(await get('/audit/upkeep')) as { sinks: object[]; partitions: object | null }
    expect(state.sinks).toMatchObject([{ name: 'archive', batchesBehind: 0, failingSince: null }])
    if (config.database !== null) expect(state.partitions).toMatchObject({ canChange: true })
    const handedOn = verified(readFileSync(sink, 'utf8'), checkpointKeys)
    expect(handedOn).toMatchObject({ fault: null })
    expect(handedOn.calls).toBeGreaterThanOrEqual(whole.calls)

    // And an export for people goes on behind any of its rows.
    const lines = (await get('/audit/export?format=jsonl')).split('\n')
    expect(lines[4]).toMatch(/^\{"id":"/)
    const { id } = JSON.parse(lines[4] ?? '') as { id: string }
    const cursor = Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')
    expect((await get(`/audit/export?format=jsonl&cursor=${cursor}`)).split('\n')).toEqual(lines.slice(5))
    const csv = await get('/audit/export?format=csv')
    expect(csv.startsWith('id,')).toBe(true)
    expect(csv.endsWith(await get(`/audit/export?format=csv&cursor=${cursor}`))).toBe(true)
  })
})
