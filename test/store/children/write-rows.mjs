// @ts-nocheck -- it reads dist/, which a type check must not need
// Writes trail rows into an embedded database until it is killed; names each row on stdout once it is acknowledged.
import { newId } from '../../../dist/domain/id.js'
import { acquireLock } from '../../../dist/store/lock.js'
import { openPglite } from '../../../dist/store/store.js'

const [dataDir] = process.argv.slice(2)
await acquireLock(dataDir, { socketPath: null })
const store = openPglite({ directory: `${dataDir}/pglite`, schema: 'postern' })
await store.migrate()
for (let sequence = 1; ; sequence++) {
  const at = Date.now()
  const calls = [0, 1, 2, 3].map((n) => ({
    id: newId(at),
    writer: 'w',
    boot: String(process.pid),
    sequence: sequence * 4 + n,
    at,
    requestId: 'r',
    credentialKind: null,
    keyId: null,
    serviceUserId: null,
    principal: null,
    httpMethod: 'POST',
    path: '/mcp',
    method: null,
    tool: null,
    outcome: 'succeeded',
    reason: null,
    status: 200,
    durationMs: 1,
    clientAddress: null,
    userAgent: 'x'.repeat(300),
    count: 1,
    lastAt: at,
  }))
  await store.trail.append({ calls, ends: [], lastUsed: new Map() })
  process.stdout.write(calls.map(({ id }) => `${id}\n`).join(''))
}
