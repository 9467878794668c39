import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import {
  beginEach,
  denied,
  draft,
  finished,
  sequences,
  setUp,
  spoolLines,
  succeeded,
  upTo,
} from './recording.ts'

const settled = () => new Promise((resolve) => setImmediate(resolve))
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 })

describe('a call', () => {
  it('is in the spool when it has begun, and not in the database', async () => {
    const { recorder, directory, trail } = setUp()
    await recorder.begin([draft({ tool: 'one' }), draft({ tool: 'two' })], 'strict')
    expect(spoolLines(directory)).toMatchObject([
      { call: { tool: 'one', outcome: null, sequence: 1, writer: 'node-1', boot: 'boot-1', count: 1 } },
      { call: { tool: 'two', outcome: null, sequence: 2 } },
    ])
    expect(trail.attempts).toEqual([])
  })

  it('shares one write with the others of its turn of the event loop, and keeps its own rows', async () => {
    const { recorder, directory, trail } = setUp()
    const [one, two] = await Promise.all([
      recorder.begin([draft({ tool: 'a' }), draft({ tool: 'b' })], 'strict'),
      recorder.begin([draft({ tool: 'c' })], 'strict'),
    ])
    expect(spoolLines(directory)).toMatchObject([
      { call: { tool: 'a', sequence: 1 } },
      { call: { tool: 'b', sequence: 2 } },
      { call: { tool: 'c', sequence: 3 } },
    ])
    expect(await two.finish({ ...succeeded, status: 202 })).toBe(true)
    expect([...trail.calls.values()]).toMatchObject([{ tool: 'c', status: 202 }])
    expect(await one.finish(succeeded)).toBe(true)
    expect(trail.calls.size).toBe(3)
  })

  it('may be answered only after its row is committed', async () => {
    const { recorder, trail } = setUp({ holdMs: 10_000 })
    trail.isHeld = true
    let answer: boolean | null = null
    const finishing = finished(recorder, [draft()], 'strict').then((safe) => (answer = safe))
    await settled()
    expect(trail.attempts).toHaveLength(1)
    expect(answer).toBeNull()
    trail.release()
    await finishing
    expect(answer).toBe(true)
    expect([...trail.calls.values()]).toMatchObject([{ ...succeeded, sequence: 1 }])
  })

  it('whose end is yet to come has its row first and its end as a second fact', async () => {
    const { recorder, trail, clock } = setUp()
    const begun = await recorder.begin([draft()], 'strict')
    expect(await begun.open(206)).toBe(true)
    const [row] = trail.calls.values()
    expect(row).toMatchObject({ outcome: null, status: 206, durationMs: null })
    clock.advance(3000)
    begun.end({ outcome: 'aborted', reason: null, status: null, durationMs: 3000 })
    await eventually(() => expect(trail.ends.size).toBe(1))
    expect(trail.ends.get(row?.id ?? '')).toMatchObject({ outcome: 'aborted', at: clock.now() })
    expect(trail.calls.get(row?.id ?? '')).toEqual(row)
  })

  it('of a batch is one row each, all committed before the answer', async () => {
    const { recorder, trail } = setUp()
    const begun = await recorder.begin(
      [draft({ tool: 'a' }), draft({ tool: 'b' }), draft({ tool: 'c' })],
      'strict',
    )
    expect(await begun.finish(succeeded)).toBe(true)
    expect([...trail.calls.values()].map((call) => [call.tool, call.outcome])).toEqual([
      ['a', 'succeeded'],
      ['b', 'succeeded'],
      ['c', 'succeeded'],
    ])
  })
})

describe('batches', () => {
  it('hold 512 rows at most, one is in flight, and all neighbours go together', async () => {
    const { recorder, trail } = setUp({ holdMs: 10_000 })
    trail.isHeld = true
    const first = finished(recorder, [draft()], 'strict')
    await settled()
    const rest = Array.from({ length: 1200 }, () => finished(recorder, [draft()], 'strict'))
    await settled()
    expect(trail.attempts.map(({ calls }) => calls.length)).toEqual([1])
    expect(recorder.backlog()).toBe(1201)
    trail.release()
    expect(new Set(await Promise.all([first, ...rest]))).toEqual(new Set([true]))
    expect(trail.attempts.map(({ calls }) => calls.length)).toEqual([1, 512, 512, 176])
    expect(trail.mostAtOnce).toBe(1)
    expect(recorder.backlog()).toBe(0)
  })

  it('a row that the database refuses holds up none of its neighbours', async () => {
    const { recorder, trail, errors, directory } = setUp({ holdMs: 10_000 })
    trail.isPoison = (row) => 'tool' in row && row.tool === 'poison'
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        finished(recorder, [draft({ tool: index === 23 || index === 31 ? 'poison' : 'good' })], 'strict'),
      ),
    )
    expect(answers.flatMap((safe, index) => (safe ? [] : [index]))).toEqual([23, 31])
    expect(trail.calls.size).toBe(48)
    expect(errors).toHaveLength(2)
    expect(recorder.isAway()).toBe(false)
    expect(recorder.backlog()).toBe(0)
    await recorder.close(1000)
    // It is kept for people to look at.
    expect(spoolLines(directory).some((line) => 'call' in line && line.call.tool === 'poison')).toBe(true)
  })

  it('a row that is refused once the database is back leaves the trail not away', async () => {
    const { recorder, trail } = setUp()
    trail.isAway = true
    const waiting = finished(recorder, [draft({ tool: 'poison' })], 'strict')
    await eventually(() => expect(recorder.isAway()).toBe(true))
    trail.isPoison = () => true
    trail.isAway = false
    expect(await waiting).toBe(false)
    await eventually(() => expect(recorder.backlog()).toBe(0))
    expect(recorder.isAway()).toBe(false)
    expect(recorder.refusal('strict')).toBeNull()
  })
})

describe('the sequence of a run', () => {
  it('is gap-free from 1, calls, batches and denials together', async () => {
    const { recorder, trail, open } = setUp()
    for (let round = 0; round < 5; round++) {
      await finished(recorder, [draft(), draft()], 'strict')
      recorder.deny(draft(), denied)
      finished(recorder, [draft()], 'strict').catch(expect.unreachable)
    }
    await recorder.close(1000)
    expect(sequences(trail.calls.values())).toEqual(upTo(20))
    const next = open()
    await finished(next, [draft()], 'strict')
    expect([...trail.calls.values()].at(-1)).toMatchObject({ boot: 'boot-2', sequence: 1 })
    await next.close(1000)
  })
})

describe('while the database is away, strict', () => {
  it('refuses calls before dispatch, and answers those under way no after the time to hold them', async () => {
    const { recorder, trail } = setUp()
    expect(recorder.refusal('strict')).toBeNull()
    trail.isAway = true
    const begun = await beginEach(recorder, [draft(), draft()], 'strict')
    const held = begun.map((call) => call.finish(succeeded))
    await eventually(() => expect(recorder.refusal('strict')).toBe('trail_unavailable'))
    expect(recorder.isAway()).toBe(true)
    expect(await Promise.all(held)).toEqual([false, false])
    expect(trail.calls.size).toBe(0)
    trail.isAway = false
    await eventually(() => expect(trail.calls.size).toBe(2))
    await eventually(() => expect(recorder.refusal('strict')).toBeNull())
    expect(recorder.backlog()).toBe(0)
    expect([...trail.calls.values()]).toMatchObject([succeeded, succeeded])
  })

  it('answers yes where the database is back within that time', async () => {
    const { recorder, trail } = setUp({ holdMs: 20_000 })
    trail.isAway = true
    const held = finished(recorder, [draft()], 'strict')
    await eventually(() => expect(recorder.isAway()).toBe(true))
    trail.isAway = false
    expect(await held).toBe(true)
  })

  it('writes each row once, though the answer to its commit was lost', async () => {
    const { recorder, trail } = setUp({ holdMs: 20_000 })
    trail.losesAnswers = true
    const held = Promise.all(upTo(10).map(() => finished(recorder, [draft()], 'strict')))
    await eventually(() => expect(trail.attempts.length).toBeGreaterThan(1))
    trail.losesAnswers = false
    expect(new Set(await held)).toEqual(new Set([true]))
    expect(sequences(trail.calls.values())).toEqual(upTo(10))
  })

  it('does not keep a caller beyond the time to hold it, where the database is stuck', async () => {
    const { recorder, trail } = setUp()
    trail.isHeld = true
    expect(await finished(recorder, [draft()], 'strict')).toBe(false)
    expect(recorder.isAway()).toBe(false)
    trail.release()
    await eventually(() => expect(trail.calls.size).toBe(1))
  })

  it('counts denials instead of writing each, and loses none', async () => {
    const { recorder, trail } = setUp()
    trail.isAway = true
    void finished(recorder, [draft()], 'strict')
    await eventually(() => expect(recorder.isAway()).toBe(true))
    for (let index = 0; index < 500; index++)
      recorder.deny(draft(), { ...denied, reason: 'trail_unavailable' })
    trail.isAway = false
    await recorder.close(10_000)
    const rows = [...trail.calls.values()].filter((call) => call.outcome === 'denied')
    expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(500)
    expect(rows.length).toBeLessThan(5)
  })
})

describe('while the database is away, spool', () => {
  it('lets calls go on, and answers yes once their rows are synced to the disk', async () => {
    const { recorder, trail, directory } = setUp({ holdMs: 60_000 })
    trail.isAway = true
    expect(await finished(recorder, [draft({ tool: 'first' })], 'spool')).toBe(true)
    expect(recorder.refusal('spool')).toBeNull()
    expect(recorder.refusal('strict')).toBe('trail_unavailable')
    const begun = await recorder.begin([draft({ tool: 'second' })], 'spool')
    await recorder.sync()
    expect(await begun.finish(succeeded)).toBe(true)
    expect(trail.calls.size).toBe(0)
    // What became of them is in the spool too, not only that they were begun.
    const known = spoolLines(directory).filter((line) => 'call' in line && line.call.outcome === 'succeeded')
    expect(known).toHaveLength(2)
    trail.isAway = false
    await eventually(() => expect(trail.calls.size).toBe(2))
    expect(sequences(trail.calls.values())).toEqual([1, 2])
    await recorder.close(1000)
    expect(readdirSync(directory)).toEqual([])
  })

  it('refuses over its quota, and goes on when the rows have landed', async () => {
    const { recorder, trail } = setUp({ quotaBytes: 20_000, holdMs: 60_000 })
    trail.isAway = true
    let begun = 0
    for (let isFull = false; !isFull && recorder.refusal('spool') === null;) {
      const call = await recorder.begin([draft()], 'spool').catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'spool_full' })
        return null
      })
      isFull = call === null
      if (call === null) break
      expect(await call.finish(succeeded)).toBe(true)
      begun++
    }
    expect(begun).toBeGreaterThan(5)
    expect(begun).toBeLessThan(100)
    trail.isAway = false
    await eventually(() => expect(recorder.backlog()).toBe(0))
    expect(recorder.refusal('spool')).toBeNull()
    expect(await finished(recorder, [draft()], 'spool')).toBe(true)
    begun++
    await eventually(() => expect(trail.calls.size).toBe(begun))
  })

  it('goes on from the disk, outcome and all, while the database hangs without an error', async () => {
    const { recorder, trail, directory } = setUp({ holdMs: 50 })
    trail.isHeld = true
    expect(await finished(recorder, [draft()], 'spool')).toBe(true)
    expect(trail.calls.size).toBe(0)
    expect(spoolLines(directory).at(-1)).toMatchObject({ call: { outcome: 'succeeded', status: 200 } })
    expect(await finished(recorder, [draft()], 'strict')).toBe(false)
    trail.release()
    await eventually(() => expect(trail.calls.size).toBe(2))
  })

  it('answers after the commit while the database is there', async () => {
    const { recorder, trail } = setUp({ holdMs: 10_000 })
    trail.isHeld = true
    let answer: boolean | null = null
    void finished(recorder, [draft()], 'spool').then((safe) => (answer = safe))
    await settled()
    expect(answer).toBeNull()
    trail.release()
    await eventually(() => expect(answer).toBe(true))
    expect(trail.calls.size).toBe(1)
  })
})

describe('the last use of a key', () => {
  it('is written with the rows, at most once a second, and at the close', async () => {
    const { recorder, trail, clock } = setUp()
    const start = clock.now()
    const call = (at: number, keyId: string) => finished(recorder, [draft({ at, keyId })], 'strict')
    await call(start, 'key-1')
    for (let ms = 10; ms < 1000; ms += 10) {
      clock.advance(10)
      await call(start + ms, ms % 20 === 0 ? 'key-1' : 'key-2')
    }
    expect(trail.lastUses).toEqual([new Map([['key-1', start]])])
    clock.advance(10)
    await call(start + 1000, 'key-3')
    expect(trail.lastUses).toHaveLength(2)
    expect(trail.lastUses[1]).toEqual(
      new Map([
        ['key-1', start + 980],
        ['key-2', start + 990],
        ['key-3', start + 1000],
      ]),
    )
    await call(start + 1001, 'key-1')
    expect(trail.lastUses).toHaveLength(2)
    await recorder.close(10_000)
    expect(trail.lastUses[2]).toEqual(new Map([['key-1', start + 1001]]))
  })

  it('is written a second later where no call follows', async () => {
    const { recorder, trail, clock } = setUp()
    await finished(recorder, [draft()], 'strict')
    await finished(recorder, [draft({ keyId: 'key-2' })], 'strict')
    expect(trail.lastUses).toHaveLength(1)
    clock.advance(1000)
    await eventually(() => expect(trail.lastUses).toHaveLength(2))
    expect(trail.calls.size).toBe(2)
    await recorder.close(1000)
  })

  it('has been written when close returns, though no row is left to write', async () => {
    const { recorder, trail } = setUp()
    await finished(recorder, [draft()], 'strict')
    await finished(recorder, [draft({ keyId: 'key-2' })], 'strict')
    trail.isHeld = true
    let isClosed = false
    const closing = recorder.close(10_000).then(() => (isClosed = true))
    await settled()
    expect(isClosed).toBe(false)
    trail.release()
    await closing
    expect(trail.lastUses.map((uses) => [...uses.keys()])).toEqual([['key-1'], ['key-2']])
  })

  it('survives a batch that the database refuses', async () => {
    const { recorder, trail } = setUp()
    trail.isPoison = (row) => 'tool' in row && row.tool === 'poison'
    await Promise.all([
      finished(recorder, [draft({ tool: 'poison' })], 'strict'),
      finished(recorder, [draft()], 'strict'),
    ])
    await recorder.close(10_000)
    expect(trail.lastUses.flatMap((uses) => [...uses.keys()])).toEqual(['key-1'])
  })
})

describe('closing', () => {
  it('drains what is under way and removes the emptied spool', async () => {
    const { recorder, trail, directory } = setUp()
    const answers = upTo(2000).map(() => finished(recorder, [draft()], 'strict'))
    recorder.deny(draft(), denied)
    await recorder.close(10_000)
    expect(new Set(await Promise.all(answers))).toEqual(new Set([true]))
    expect(sequences(trail.calls.values())).toEqual(upTo(2001))
    expect(readdirSync(directory)).toEqual([])
  })

  it('gives up after its time, says no to those who still wait, and leaves their rows in the spool', async () => {
    const { recorder, trail, directory, open } = setUp({ holdMs: 60_000 })
    trail.isAway = true
    const waiting = finished(recorder, [draft({ tool: 'left' })], 'strict')
    await eventually(() => expect(recorder.isAway()).toBe(true))
    await recorder.close(50)
    expect(await waiting).toBe(false)
    expect(spoolLines(directory).length).toBeGreaterThan(0)
    trail.isAway = false
    const next = open()
    expect(await next.replay()).toBe(1)
    expect([...trail.calls.values()]).toMatchObject([{ tool: 'left', outcome: 'succeeded', boot: 'boot-1' }])
    await next.close(1000)
  })

  it('leaves a call that never ended in the spool, for the next start to record as it is known', async () => {
    const { recorder, trail, open } = setUp()
    await recorder.begin([draft()], 'strict')
    await recorder.close(1000)
    expect(trail.calls.size).toBe(0)
    const next = open()
    expect(await next.replay()).toBe(1)
    expect([...trail.calls.values()]).toMatchObject([{ outcome: null, sequence: 1 }])
    await next.close(1000)
  })

  it('lets nothing be written afterwards: not to a file that has the descriptor by then', async () => {
    const { recorder, errors } = setUp()
    const begun = await recorder.begin([draft()], 'strict')
    await recorder.close(1000)
    await expect(recorder.begin([draft()], 'strict')).rejects.toThrow(/closed/)
    expect(() => begun.end(succeeded)).not.toThrow()
    expect(() => recorder.deny(draft(), denied)).not.toThrow()
    expect(errors.length).toBeGreaterThan(0)
  })
})

describe('the spool on the disk', () => {
  it('is 0600 in a 0700 directory', async () => {
    const { recorder, directory } = setUp()
    await recorder.begin([draft()], 'strict')
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    const names = readdirSync(directory)
    expect(names.length).toBeGreaterThan(0)
    for (const name of names) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
  })

  it('cannot be opened where its directory is something else', () => {
    const { directory } = setUp()
    const file = join(directory, 'boot-1-000001.jsonl')
    expect(() => setUp({ directory: file })).toThrow(expect.objectContaining({ code: 'spool_unusable' }))
  })
})
