import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { CallRecord } from '../../src/domain/call.ts'
import { lineOf, readLine } from '../../src/audit/spool-line.ts'
import { StoreUnavailable } from '../../src/domain/ports.ts'
import { createFakeTrail } from './fake-trail.ts'
import {
  beginEach,
  denied,
  draft,
  finished,
  newDirectory,
  sequences,
  setUp,
  spoolLines,
  succeeded,
  upTo,
} from './recording.ts'

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 })

/** As many as fill more than one file of the spool, with few lines. */
const largePath = `/${'x'.repeat(256 * 1024)}`

describe('after a crash', () => {
  it('every row of the spool is written, with what is known of it, and once', async () => {
    const { recorder, trail, directory, open } = setUp()
    await finished(recorder, [draft({ tool: 'committed' })], 'strict')
    await recorder.begin([draft({ tool: 'under way' })], 'strict')
    const streaming = await recorder.begin([draft({ tool: 'streaming' })], 'strict')
    await streaming.open(200)
    trail.isAway = true
    streaming.end({ outcome: 'aborted', reason: null, status: null, durationMs: 9 })
    recorder.deny(draft(), denied)
    const held = finished(recorder, [draft({ tool: 'held' })], 'strict')
    expect(await held).toBe(false)
    // The process ends here. Its database comes back, and the next run finds the spool.
    const before = new Map(trail.calls)
    const revived = createFakeTrail()
    for (const [id, call] of before) revived.calls.set(id, call)
    const next = open2(directory, revived)
    expect(await next.replay()).toBeGreaterThanOrEqual(4)
    const rows = new Map([...revived.calls.values()].map((call) => [call.tool, call]))
    expect(sequences(revived.calls.values())).toEqual(upTo(5))
    expect(rows.get('committed')).toEqual([...before.values()].find((call) => call.tool === 'committed'))
    expect(rows.get('under way')).toMatchObject({ outcome: null })
    expect(rows.get('streaming')).toMatchObject({ outcome: null, status: 200 })
    expect(rows.get('held')).toMatchObject(succeeded)
    expect([...revived.ends.values()]).toMatchObject([
      { callId: rows.get('streaming')?.id, outcome: 'aborted' },
    ])
    expect(readdirSync(directory).filter((name) => name.startsWith('boot-1'))).toEqual([])
    // Nothing is left for the run after that.
    expect(await open().replay()).toBe(0)
  })

  it('the keys of its calls were used, also where no end was seen', async () => {
    const { recorder, trail, directory } = setUp()
    trail.isAway = true
    await recorder.begin([draft({ keyId: 'key-1', at: 5 })], 'strict')
    await recorder.begin([draft({ keyId: 'key-1', at: 7 })], 'strict')
    recorder.deny(draft({ keyId: 'key-2', at: 9 }), denied)
    const revived = createFakeTrail()
    await open2(directory, revived).replay()
    expect(revived.lastUses.flatMap((uses) => [...uses])).toEqual([['key-1', 7]])
  })

  it('nothing is lost or doubled, wherever it happened', async () => {
    type Fate = 'begun' | 'finished' | 'opened' | 'ended' | 'denied'
    const fate = fc.constantFrom<Fate>('begun', 'finished', 'opened', 'ended', 'denied')
    const step = fc.record({ fate, calls: fc.integer({ min: 1, max: 3 }), isAway: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { recorder, trail, directory } = setUp({ holdMs: 1 })
        let begun = 0
        for (const { fate: of, calls, isAway } of steps) {
          trail.isAway = isAway
          if (of === 'denied') {
            recorder.deny(draft({ requestId: 'denial' }), denied)
            continue
          }
          const call = await recorder.begin(
            upTo(calls).map(() => draft()),
            'spool',
          )
          begun += calls
          if (of === 'finished') await call.finish(succeeded)
          if (of === 'opened' || of === 'ended') await call.open(200)
          if (of === 'ended') call.end(succeeded)
        }
        // Crashed: the old run must not go on behind the test's back.
        const rows = new Map(trail.calls)
        trail.append = () => Promise.reject(new StoreUnavailable('gone'))
        const revived = createFakeTrail()
        for (const [id, call] of rows) revived.calls.set(id, call)
        await open2(directory, revived).replay()
        const all = [...revived.calls.values()]
        expect(all.filter((call) => call.requestId !== 'denial')).toHaveLength(begun)
        expect(sequences(all)).toEqual(upTo(all.length))
        expect(new Set(all.map((call) => call.requestId)).size).toBe(
          begun + (all.some((call) => call.requestId === 'denial') ? 1 : 0),
        )
        // Its files are gone, as they would be under no living process.
        await recorder.close(0).catch(() => {})
      }),
      { numRuns: 40 },
    )
  })

  it('what became of a call wins over its intent, in whichever file either is', async () => {
    const { recorder, trail, directory } = setUp({ holdMs: 60_000 })
    trail.isAway = true
    const drafts = upTo(60).map((number) => draft({ path: largePath, tool: `tool ${number}` }))
    const begun = await beginEach(recorder, drafts, 'spool')
    expect(readdirSync(directory).length).toBeGreaterThan(3)
    for (const call of begun) expect(await call.finish(succeeded)).toBe(true)
    trail.append = () => Promise.reject(new StoreUnavailable('gone'))
    const revived = createFakeTrail()
    expect(await open2(directory, revived).replay()).toBe(60)
    expect(revived.attempts.flatMap(({ calls }) => calls)).toHaveLength(60)
    expect(sequences(revived.calls.values())).toEqual(upTo(60))
    const unknown = [...revived.calls.values()].filter((call) => call.outcome !== 'succeeded')
    expect(unknown.map((call) => call.tool)).toEqual([])
    await recorder.close(0).catch(() => {})
  })

  it('what became of a call outlives the rows that share its file', async () => {
    const { recorder, trail, directory } = setUp({ holdMs: 60_000 })
    trail.isAway = true
    const first = await recorder.begin([draft({ tool: 'first' })], 'spool')
    // The next file is begun, with rows of its own.
    const drafts = upTo(40).map(() => draft({ path: largePath, tool: 'other' }))
    const others = await beginEach(recorder, drafts, 'spool')
    const refused: unknown[] = []
    trail.isPoison = (row) => 'tool' in row && row.tool === 'first' && refused.push(row) < 1e9
    expect(await first.finish(succeeded)).toBe(true)
    for (const other of others) await other.finish(succeeded)
    trail.isAway = false
    await eventually(() => expect(recorder.backlog()).toBe(0))
    expect(refused.length).toBeGreaterThan(0)
    await recorder.close(1000)
    const revived = createFakeTrail()
    await open2(directory, revived).replay()
    const kept = [...revived.calls.values()].filter((call) => call.tool === 'first')
    expect(kept).toMatchObject([succeeded])
  })

  it('no file stays once its rows have landed, though rows moved from one to another', async () => {
    const { recorder, trail, directory } = setUp({ holdMs: 60_000 })
    trail.isAway = true
    const drafts = upTo(40).map(() => draft({ path: largePath }))
    const begun = await beginEach(recorder, drafts, 'spool')
    expect(readdirSync(directory).length).toBeGreaterThan(2)
    for (const call of begun) expect(await call.finish(succeeded)).toBe(true)
    trail.isAway = false
    await eventually(() => expect(recorder.backlog()).toBe(0))
    expect(readdirSync(directory)).toHaveLength(1)
    await recorder.close(1000)
    expect(readdirSync(directory)).toEqual([])
    expect(trail.calls.size).toBe(40)
  })

  it('a torn last line is tolerated: its call never went on', async () => {
    const { recorder, trail, directory, open, errors } = setUp()
    await recorder.begin([draft({ tool: 'whole' })], 'strict')
    const [name = ''] = readdirSync(directory)
    const line = readLine(readFileSync(join(directory, name), 'utf8').trimEnd())
    if (line === null || !('call' in line)) throw new Error('no call')
    const withId = (prefix: string) => lineOf({ call: { ...line.call, id: prefix + line.call.id } })
    for (let length = 1; length < withId('torn').length - 2; length += 7) {
      const torn = withId('torn').slice(0, length)
      writeFileSync(join(directory, `other-${length}.jsonl`), withId(`${length}-`) + torn)
    }
    const files = readdirSync(directory).length
    expect(await open().replay()).toBe(files)
    expect(trail.calls.size).toBe(files)
    expect([...trail.calls.keys()].filter((id) => id.startsWith('torn'))).toEqual([])
    expect(errors).toEqual([])
  })

  it('a whole last line counts, though its line break is missing', async () => {
    const { recorder, trail, directory, open } = setUp()
    await recorder.begin([draft()], 'strict')
    const [name = ''] = readdirSync(directory)
    writeFileSync(join(directory, name), readFileSync(join(directory, name), 'utf8').trimEnd())
    expect(await open().replay()).toBe(1)
    expect(trail.calls.size).toBe(1)
  })

  it.each([
    ['no JSON', '{"call":{"id":"x"'],
    ['NULs', '\0\0\0\0'],
    ['something else', '{"other":1}'],
    ['a row without its number', '{"call":{"id":"x"}}'],
    ['null', 'null'],
    ['a number', '7'],
    ['__proto__', '{"__proto__":{"call":{"id":"x","sequence":1}}}'],
    ['an empty line', ''],
  ])('a file with a corrupt line (%s) is set aside, and all else is written', async (_name, corrupt) => {
    const { recorder, trail, directory, open, errors } = setUp()
    await recorder.begin([draft({ tool: 'before' })], 'strict')
    const [name = ''] = readdirSync(directory)
    appendFileSync(join(directory, name), `${corrupt}\n`)
    await recorder.begin([draft({ tool: 'after' })], 'strict')
    const content = readFileSync(join(directory, name))
    const next = open()
    expect(await next.replay()).toBe(2)
    expect([...trail.calls.values()].map((call) => call.tool)).toEqual(['before', 'after'])
    expect(readFileSync(join(directory, `${name}.corrupt`))).toEqual(content)
    expect(errors).toHaveLength(1)
    await next.close(1000)
    expect(await open().replay()).toBe(0)
  })

  it('a row that the database refuses keeps nothing else out, nor the next start', async () => {
    const { recorder, trail, directory, open, errors } = setUp()
    for (const number of upTo(20))
      await recorder.begin([draft({ tool: number === 7 ? 'poison' : `tool ${number}` })], 'strict')
    trail.isPoison = (row) => 'tool' in row && row.tool === 'poison'
    const [name = ''] = readdirSync(directory)
    const next = open()
    expect(await next.replay()).toBe(19)
    expect(sequences(trail.calls.values())).toEqual(upTo(20).filter((number) => number !== 7))
    expect(readdirSync(directory)).toContain(`${name}.corrupt`)
    expect(errors.length).toBeGreaterThan(0)
  })

  it('a database that is away leaves every file where it was, for another try', async () => {
    const { recorder, trail, directory, open } = setUp()
    await recorder.begin([draft(), draft()], 'strict')
    const next = open()
    const before = spoolLines(directory)
    trail.isAway = true
    await expect(next.replay()).rejects.toBeInstanceOf(StoreUnavailable)
    expect(spoolLines(directory)).toEqual(before)
    trail.isAway = false
    expect(await next.replay()).toBe(2)
    expect(sequences(trail.calls.values())).toEqual([1, 2])
  })

  it('runs that crashed one after another are all replayed, in batches of a bounded size', async () => {
    const { recorder, trail, open } = setUp()
    for (const _ of upTo(1200)) await recorder.begin([draft()], 'strict')
    const second = open()
    for (const _ of upTo(30)) await second.begin([draft()], 'strict')
    expect(await open().replay()).toBe(1230)
    const byBoot = (boot: string): CallRecord[] =>
      [...trail.calls.values()].filter((call) => call.boot === boot)
    expect(sequences(byBoot('boot-1'))).toEqual(upTo(1200))
    expect(sequences(byBoot('boot-2'))).toEqual(upTo(30))
    expect(Math.max(...trail.attempts.map(({ calls }) => calls.length))).toBeLessThanOrEqual(512)
  })

  it('a directory that is not there yet holds nothing', async () => {
    const { recorder, trail } = setUp({ directory: join(newDirectory(), 'a', 'b') })
    expect(await recorder.replay()).toBe(0)
    expect(trail.attempts).toEqual([])
  })
})

/** The next run, on another database handle: the crashed one's is gone with it. */
function open2(directory: string, trail: ReturnType<typeof createFakeTrail>) {
  return setUp({ directory, trail, boot: `revived-${Math.random()}` }).recorder
}
