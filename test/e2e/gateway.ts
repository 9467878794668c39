import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Recorder } from '../../src/audit/recorder.ts'
import { parseConfig } from '../../src/config.ts'
import type { Settings } from '../../src/config.ts'
import type { TrailRow } from '../../src/domain/call.ts'
import { metricsOf, startGateway } from '../../src/gateway/start.ts'
import { createPostern } from '../../src/postern.ts'
import type { Postern } from '../../src/postern.ts'

export interface TestKey {
  token: string
  id: string
  serviceUserId: string
}

/** A real Postern with its gateway, in this process. */
export interface TestGateway {
  /** Origins, without a trailing slash. */
  url: string
  adminUrl: string
  port: number
  dataDir: string
  postern: Postern
  recorder: Recorder
  /** A new link that makes the first administrator of its page; null where there is one. */
  setupUrl(): Promise<string | null>
  /** Moves Postern's wall clock: what a key's life is judged by. */
  shiftClock(ms: number): void
  /** Runs once, between the next call's intent and what comes after it. */
  beforeDispatch(work: () => Promise<void>): void
  issueKey(): Promise<TestKey>
  /** A key whose life is over. */
  issueExpiredKey(): Promise<TestKey>
  /** The trail since the last `mark`, in the order of its sequence, once nothing waits for the database. */
  rows(): Promise<TrailRow[]>
  /** Waits for everything to be in the trail, and lets `rows` begin after it. */
  mark(): Promise<void>
  /** Stops the gateway alone: the trail can still be read. */
  stop(graceMs: number): Promise<void>
  close(): Promise<void>
}

const actor = 'the test'

export interface TestGatewayOptions {
  routes: Settings['routes']
  settings?: Omit<Settings, 'routes'>
  database?: string
  /** The name of the service user that keys are issued to: another for each node of one database. */
  agent?: string
  /** Stands between the gateway and its recorder, for faults that are hard to bring about. */
  wrapRecorder?: (recorder: Recorder) => Recorder
}

/** Starts one on loopback, in a temporary directory of its own, on PGlite unless a database is given. */
export async function openGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const dataDir = await mkdtemp(join(tmpdir(), 'postern-e2e-'))
  let shiftMs = 0
  const clock = { now: () => Date.now() + shiftMs, monotonic: () => performance.now() }
  const config = parseConfig(
    {
      listen: '127.0.0.1:0',
      admin: { listen: '127.0.0.1:0' },
      log: { level: 'silent' },
      // Hand-written requests come to `h`.
      mcp: { allowedHosts: ['127.0.0.1', 'localhost', 'h'] },
      data: dataDir,
      ...(options.database === undefined ? {} : { database: options.database }),
      ...options.settings,
      routes: options.routes,
    },
    {},
    dataDir,
  )
  const postern = createPostern(config, { clock })
  let opened: Recorder | null = null
  const metrics = metricsOf(postern, () => opened)
  const recorder = await postern.start({ onCommitted: metrics.committed })
  opened = recorder
  /** Calls and denials that the recorder was told of: denials alike become rows up to a second later. */
  let told = 0
  let onBegun: (() => Promise<void>) | null = null
  const counting: Recorder = {
    ...recorder,
    async begin(drafts, mode) {
      const begun = await recorder.begin(drafts, mode)
      told += drafts.length
      const pause = onBegun
      onBegun = null
      await pause?.()
      return begun
    },
    deny(draft, denial) {
      told++
      recorder.deny(draft, denial)
    },
  }
  const gateway = await startGateway(postern, options.wrapRecorder?.(counting) ?? counting, metrics)
  const user = await postern.keys.createServiceUser(
    { name: options.agent ?? 'agent', owner: 'team@example.com' },
    actor,
  )
  let marked = 0

  async function issue(expires?: string): Promise<TestKey> {
    const input = { serviceUser: user.id, ...(expires === undefined ? {} : { expires }) }
    const { key, token } = await postern.keys.issue(input, actor)
    return { token, id: key.key.id, serviceUserId: user.id }
  }

  async function allRows(): Promise<TrailRow[]> {
    await expect.poll(() => recorder.backlog(), { timeout: 10_000 }).toBe(0)
    const all: TrailRow[] = []
    for (let cursor: string | undefined; ;) {
      const page = await postern.trail.list({ limit: 500, ...(cursor === undefined ? {} : { cursor }) })
      all.push(...page.data)
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
    return all.sort((a, b) => a.sequence - b.sequence)
  }

  let stopping: Promise<void> | null = null
  const stop = (graceMs: number) => (stopping ??= gateway.close(graceMs))

  return {
    url: gateway.url,
    adminUrl: gateway.adminUrl,
    port: Number(new URL(gateway.url).port),
    dataDir,
    postern,
    recorder,
    setupUrl: () => gateway.page.setupUrl(),
    shiftClock: (ms) => {
      shiftMs += ms
    },
    beforeDispatch: (work) => {
      onBegun = work
    },
    issueKey: () => issue(),
    async issueExpiredKey() {
      const lifeMs = 3_600_000
      shiftMs -= 2 * lifeMs
      try {
        return await issue('1h')
      } finally {
        shiftMs += 2 * lifeMs
      }
    },
    rows: async () => (await allRows()).filter(({ sequence }) => sequence > marked),
    async mark() {
      await expect.poll(async () => countOf(await allRows()), { timeout: 10_000 }).toBe(told)
      marked = (await allRows()).at(-1)?.sequence ?? marked
    },
    stop,
    async close() {
      await stop(1000)
      await postern.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Waits until the trail since the mark has rows for this many calls and denials, and answers its rows. */
export async function rowsOf(gateway: TestGateway, count: number): Promise<TrailRow[]> {
  let found: TrailRow[] = []
  await expect
    .poll(
      async () => {
        found = await gateway.rows()
        return countOf(found)
      },
      { timeout: 10_000 },
    )
    .toBe(count)
  return found
}

function countOf(rows: readonly TrailRow[]): number {
  return rows.reduce((sum, row) => sum + row.count, 0)
}

export const mcpHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const

/** A legacy `tools/call` as a body. */
export function callOf(tool: string, args: Record<string, unknown> = {}, id: number | string = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: tool, arguments: args } })
}

/** The same under 2026-07-28, with its headers. */
export function modernCallOf(tool: string, args: Record<string, unknown> = {}) {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
  return {
    headers: {
      ...mcpHeaders,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': tool,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: tool, arguments: args, _meta: meta },
    }),
  }
}

export const bearer = (key: { token: string }) => ({ authorization: `Bearer ${key.token}` })
