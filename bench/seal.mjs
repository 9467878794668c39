import { randomUUID } from 'node:crypto'
import { leafOfCall, merkleRoot, rootOfRows, sealOf, noSeal } from '../dist/domain/seal.js'
import { newId } from '../dist/domain/id.js'
import { check, cpuMicros, figure } from './measure.mjs'

const rounds = 9
const batches = 400
const sizes = [16, 64, 512]

/** What sealing costs a call: its leaf, its share of the Merkle tree, and of the batch's seal. */
export async function benchSeal() {
  const [writer, boot, keyId, serviceUserId] = Array.from({ length: 4 }, () => randomUUID())
  let sequence = 0
  const call = () => {
    const at = Date.now()
    // Written out, as the recorder does: objects put together from others have no hidden class in common.
    return {
      id: newId(at),
      writer,
      boot,
      sequence: ++sequence,
      at,
      requestId: newId(at),
      credentialKind: 'service-key',
      keyId,
      serviceUserId,
      principal: null,
      grantsDigest: null,
      traceId: null,
      argumentsHmac: null,
      httpMethod: 'POST',
      path: '/mcp',
      method: 'tools/call',
      tool: 'list_channels',
      outcome: 'succeeded',
      reason: null,
      status: 200,
      durationMs: 12.345 + sequence,
      rpcCode: null,
      isToolError: false,
      clientAddress: '127.0.0.1',
      userAgent: 'postern-bench/1.0',
      count: 1,
      lastAt: at,
    }
  }
  const results = new Map(sizes.map((size) => [size, []]))
  const leaves = []
  for (let round = 0; round <= rounds; round++) {
    for (const size of sizes) {
      const count = Math.ceil((batches * 64) / size)
      const rows = Array.from({ length: count }, () => Array.from({ length: size }, call).sort(byId))
      asSpooled(rows)
      let previous = noSeal
      const before = cpuMicros()
      for (const [number, calls] of rows.entries()) {
        const root = rootOfRows(calls, [])
        previous = sealOf({ writer, number: number + 1, boot, calls: size, ends: 0, root, previous })
      }
      const micros = (cpuMicros() - before) / (count * size)
      check(/^[0-9a-f]{64}$/.test(previous), 'no seal')
      if (round > 0) results.get(size).push(micros)
    }
    const calls = Array.from({ length: 20_000 }, call)
    asSpooled(calls)
    const before = cpuMicros()
    const made = calls.map(leafOfCall)
    const micros = (cpuMicros() - before) / calls.length
    check(merkleRoot(made) === merkleRoot(calls.map(leafOfCall)), 'another root')
    if (round > 0) leaves.push(micros)
  }
  return [
    ...sizes.map((size) =>
      figure(`sealing a call, ${size} in a batch`, 'CPU-µs', results.get(size), { atMost: 3 }),
    ),
    figure('of which its leaf', 'CPU-µs', leaves),
  ]
}

/** A batch is written in this order, sealed or not. */
const byId = (a, b) => (a.id < b.id ? -1 : 1)

/** Rows come to be sealed when the spool has written them, by which V8 has put the parts of their texts together. */
const asSpooled = (rows) => JSON.stringify(rows)
