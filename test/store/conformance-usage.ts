import { describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Store } from '../../src/domain/ports.ts'
import { at, batchOf, call, createUserWithKey, end } from './records.ts'

/** Who still uses a key: what every engine passes. */
export function usageConformance(current: () => Store): void {
  const unused = { calls: 0, lastUsedAt: null, lastAddress: null, lastClient: null, tools: [] }

  describe('usage', () => {
    test('counts the calls of each key since an instant, and tells the last, in the order that was asked in', async () => {
      const { key: one } = await createUserWithKey(current())
      const { key: two } = await createUserWithKey(current())
      const { key: silent } = await createUserWithKey(current(), { lastUsedAt: at + 77 })
      await current().trail.append(
        batchOf([
          call({ keyId: one.id, at: at - 1, tool: 'early' }),
          call({ keyId: one.id, at, tool: 'forecast' }),
          call({ keyId: one.id, at: at + 10, tool: 'forecast', outcome: 'failed' }),
          call({ keyId: one.id, at: at + 20, tool: 'plan', clientAddress: '10.0.0.9', userAgent: 'agent/2' }),
          call({ keyId: two.id, at: at - 10, tool: 'forecast' }),
          call({ keyId: newId(at), at: at + 30 }),
        ]),
      )
      expect(await current().trail.usage([two.id, silent.id, one.id], at)).toEqual([
        { ...unused, lastUsedAt: at - 10, lastAddress: '127.0.0.1', lastClient: 'agent/1' },
        { ...unused, lastUsedAt: at + 77 },
        {
          calls: 3,
          lastUsedAt: at + 20,
          lastAddress: '10.0.0.9',
          lastClient: 'agent/2',
          tools: [
            { tool: 'forecast', calls: 2 },
            { tool: 'plan', calls: 1 },
          ],
        },
      ])
    })

    test('leaves out the denials of a dead key, told in the first fact or in the second', async () => {
      const { key } = await createUserWithKey(current())
      const used = call({ keyId: key.id, at: at + 1 })
      const streamed = call({ keyId: key.id, at: at + 2, outcome: null })
      const cutOff = call({ keyId: key.id, at: at + 3, outcome: null, userAgent: 'cut off' })
      const late = call({ keyId: key.id, at: at + 4, outcome: null })
      const denied = call({ keyId: key.id, at: at + 5, outcome: 'denied', reason: 'retired_key', count: 40 })
      await current().trail.append(
        batchOf(
          [used, streamed, cutOff, late, denied],
          [end(streamed.id), end(late.id, { outcome: 'denied', reason: 'revoked_key' })],
        ),
      )
      expect(await current().trail.usage([key.id], at)).toMatchObject([
        { calls: 3, lastUsedAt: at + 3, lastClient: 'cut off', tools: [{ tool: 'forecast', calls: 3 }] },
      ])
    })

    test('counts what a living key was denied: someone has it, and works with it', async () => {
      const { key } = await createUserWithKey(current())
      const denied = call({
        keyId: key.id,
        at: at + 1,
        tool: null,
        outcome: 'denied',
        reason: 'body_malformed',
      })
      await current().trail.append(batchOf([denied], []))
      expect(await current().trail.usage([key.id], at)).toMatchObject([{ calls: 1, lastUsedAt: at + 1 }])
    })

    test('names the twenty tools called most, and counts the calls of all, and of none', async () => {
      const { key } = await createUserWithKey(current())
      const calls = Array.from({ length: 25 }, (_, n) =>
        call({ keyId: key.id, tool: `tool ${n + 10}`, count: n === 24 ? 5 : n === 23 ? 3 : 1 }),
      )
      calls.push(call({ keyId: key.id, tool: null, method: 'tools/list', count: 7 }))
      await current().trail.append(batchOf(calls))
      const [usage] = await current().trail.usage([key.id], at)
      expect(usage?.calls).toBe(38)
      expect(usage?.tools).toHaveLength(20)
      expect(usage?.tools.slice(0, 3)).toEqual([
        { tool: 'tool 34', calls: 5 },
        { tool: 'tool 33', calls: 3 },
        { tool: 'tool 10', calls: 1 },
      ])
    })

    test('of keys that are not there is none', async () => {
      expect(await current().trail.usage([newId(at), 'no-id'], at)).toEqual([unused, unused])
      expect(await current().trail.usage([], at)).toEqual([])
    })
  })
}
