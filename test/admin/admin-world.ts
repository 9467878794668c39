import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Access } from '../../src/admin/access.ts'
import { createAdminApi, type AdminApiParts } from '../../src/admin/api.ts'
import type { CallRecord } from '../../src/domain/call.ts'
import { newId } from '../../src/domain/id.ts'
import type { Store } from '../../src/domain/ports.ts'
import { createKeys, type Keys } from '../../src/keys/keys.ts'
import { createManagementKeys, type ManagementKeys } from '../../src/keys/management-keys.ts'
import { createNotices } from '../../src/notices/notices.ts'
import { createNodes } from '../../src/verify/nodes.ts'
import { createUpkeep } from '../../src/upkeep/upkeep.ts'
import { openPglite } from '../../src/store/store.ts'
import { policy } from '../keys/policy.ts'

export const apiBase = 'http://postern/admin/api-keys/api/v1'

/** The admin API's parts but for who asks. */
export type OtherParts = Omit<AdminApiParts, 'accessOf'>

/** All that the admin API stands on, on an embedded database, at a time that tests set. */
export interface AdminWorld {
  store: Store
  keys: Keys
  managementKeys: ManagementKeys
  clock: { nowMs: number; now(): number }
  parts: OtherParts
  /** What made requests fail. */
  failures: unknown[]
  /** The API as someone finds it. */
  apiFor(access: Access | null, parts?: Partial<OtherParts>): Api
  close(): Promise<void>
}

/** Asks the API, and answers what came. */
export type Api = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

export interface Answer {
  status: number
  headers: Headers
  /** The answer as text; `body` is its JSON, where it is. What a test reads of it, it asserts. */
  text: string
  body: Record<string, unknown> & { data: Record<string, unknown>[]; nextCursor: string | null }
}

export const socket: Access = {
  actor: 'local:tester',
  via: 'socket',
  role: 'admin',
  email: null,
  signedInAt: null,
}

export const silentLog = { info() {}, warn() {}, error() {} }

export const deployment: OtherParts['deployment'] = {
  name: 'Postern',
  settings: {
    policy: { ...policy, denyToolsByDefault: false },
    prefixes: ['pst'],
    routes: [],
    channels: { email: null, webhooks: [], slack: false, pageUrl: null },
  },
  mcpUrls: (hostOrigin) => [{ path: '/mcp', url: `${hostOrigin ?? 'http://gateway'}/mcp` }],
}

const checkpointKey = generateKeyPairSync('ed25519').privateKey

export async function openAdminWorld(startAt = '2026-11-23T12:00:00Z'): Promise<AdminWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-admin-'))
  const store = openPglite({ directory: join(directory, 'pglite'), schema: 'postern' })
  await store.migrate()
  const clock = { nowMs: Date.parse(startAt), now: () => clock.nowMs }
  const failures: unknown[] = []
  const keys = createKeys({ store: store.keys, trail: store.trail, clock, policy, prefixes: ['pst'] })
  const managementKeys = createManagementKeys({
    store: store.managementKeys,
    clock,
    policy,
    onNoteFailed: (error) => failures.push(error),
  })
  const notices = createNotices({
    store: store.notices,
    clock,
    senders: [],
    log: silentLog,
    idempotencyKeysLiveMs: 0,
  })
  const parts: OtherParts = {
    signInMaxAgeMs: 3_600_000,
    clock,
    rooms: {
      keys,
      trail: store.trail,
      usage: store.usage,
      notices,
      changesOf: (subjectId) => store.keys.history(subjectId),
    },
    managementKeys,
    worker: notices,
    nodes: {
      ...createNodes({ store: store.nodes, clock: { ...clock, monotonic: () => performance.now() } }),
      sealsAt: store.sealedTrail.sealsAt,
      sequenceGaps: store.trail.sequenceGaps,
    },
    upkeep: createUpkeep({
      ...{
        store,
        holder: 'this-test',
        keepMs: 400 * 86_400_000,
        checkpointEveryMs: 60_000,
        sinks: [],
        log: silentLog,
      },
      clock: { ...clock, now: () => Date.now(), monotonic: () => performance.now() },
      keys: () => [checkpointKey],
    }),
    knownTools: (limit) => store.usage.knownTools(limit),
    deployment,
    onFailure: (error) => failures.push(error),
  }
  return {
    store,
    keys,
    managementKeys,
    clock,
    parts,
    failures,
    apiFor: (access, more = {}) =>
      asking(createAdminApi({ ...parts, ...more, accessOf: async () => access })),
    async close() {
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** A handler as something to ask. */
export function asking(handle: (request: Request) => Promise<Response>): Api {
  return async (method, path, body, headers = {}) => {
    const sent =
      body === undefined
        ? {}
        : {
            body: typeof body === 'string' ? body : JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
          }
    const request = new Request(path.startsWith('http') ? path : apiBase + path, {
      method,
      ...sent,
      headers: { ...sent.headers, ...headers },
    })
    const response = await handle(request)
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson(response) ? JSON.parse(text) : {}) as Answer['body'],
    }
  }
}

function isJson(response: Response): boolean {
  return /^application\/(problem\+)?json(;|$)/.test(response.headers.get('content-type') ?? '')
}

/** A row of the trail, as a call that succeeded unless told otherwise. */
export function callAt(at: number, sequence: number, parts: Partial<CallRecord> = {}): CallRecord {
  return {
    id: newId(at),
    writer: 'w',
    boot: 'b',
    sequence,
    at,
    lastAt: at,
    count: 1,
    requestId: `r${sequence}`,
    credentialKind: 'service-key',
    keyId: null,
    serviceUserId: null,
    principal: null,
    grantsDigest: null,
    traceId: null,
    argumentsHmac: null,
    httpMethod: 'POST',
    path: '/mcp',
    method: 'tools/call',
    tool: 'echo',
    outcome: 'succeeded',
    reason: null,
    status: 200,
    rpcCode: null,
    isToolError: null,
    durationMs: 1.5,
    clientAddress: '127.0.0.1',
    userAgent: 'test',
    ...parts,
  }
}
