import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallRecord } from '../../src/domain/call.ts'
import { openSpool } from '../../src/audit/spool.ts'
import { lineOf, readLine } from '../../src/audit/spool-line.ts'
import { createFakeTrail } from './fake-trail.ts'
import { beginEach, draft, finished, newDirectory, sequences, setUp, upTo } from './recording.ts'

/** The one file of a run that began so many calls and then crashed. */
async function crashedAfter(calls: number) {
  const scene = setUp()
  await beginEach(
    scene.recorder,
    upTo(calls).map((number) => draft({ tool: `tool ${number}` })),
    'strict',
  )
  const [name = ''] = readdirSync(scene.directory)
  return { ...scene, path: join(scene.directory, name), name }
}

/** What a next run finds in a directory with this one file. */
async function replayed(content: string | Buffer) {
  const directory = newDirectory()
  writeFileSync(join(directory, 'earlier-000001.jsonl'), content)
  const trail = createFakeTrail()
  const { recorder, errors } = setUp({ directory, boot: 'next', trail })
  await recorder.replay()
  await recorder.close(0)
  return { calls: [...trail.calls.values()], errors, setAside: recorder.filesSetAside() }
}

describe('a line of the spool', () => {
  const call = { id: 'an id', sequence: 1, principal: null, tool: 'greet' } as CallRecord

  it('reads as it was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (tool) => {
        const line = lineOf({ call: { ...call, tool } })
        expect(line.endsWith('\n')).toBe(true)
        expect(readLine(line.slice(0, -1))).toEqual({ call: { ...call, tool } })
      }),
    )
  })

  it('of an earlier version had no checksum, and is read', () => {
    expect(readLine(JSON.stringify({ call: { ...call, principal: undefined } }))).toEqual({ call })
    expect(readLine('{"end":{"callId":"x"}}')).toEqual({ end: { callId: 'x' } })
  })

  it('with another digit is none, though it is JSON', () => {
    const line = lineOf({ call }).trimEnd()
    expect(readLine(line)).not.toBeNull()
    expect(readLine(line.replace('"sequence":1', '"sequence":7'))).toBeNull()
    expect(readLine(line.replace(/^./, (digit) => (digit === '0' ? '1' : '0')))).toBeNull()
    expect(readLine(line.slice(1))).toBeNull()
    expect(readLine(` ${line}`)).toBeNull()
  })
})

describe('a disk that changed a byte', () => {
  it('costs the line that it stands in, at most the next one, and is never passed over in silence', async () => {
    const { path, directory } = await crashedAfter(8)
    const content = readFileSync(path)
    const lines = content.toString().split('\n').length - 1
    expect([lines, readdirSync(directory).length]).toEqual([8, 1])
    const place = fc.tuple(fc.nat(content.length - 1), fc.integer({ min: 1, max: 255 }))
    await fc.assert(
      fc.asyncProperty(place, async ([at, change]) => {
        const damaged = Buffer.from(content)
        damaged[at] = (damaged[at] ?? 0) ^ change
        const { calls, errors, setAside } = await replayed(damaged)
        const line = content.subarray(0, at).toString().split('\n').length
        const isBreak = content[at] === 10
        const isLast = at === content.length - 1
        const lost = upTo(8).filter((number) => !calls.some(({ sequence }) => sequence === number))
        // A last line without its break is one that was torn.
        expect(lost).toEqual(isBreak && !isLast ? [line, line + 1] : isBreak ? [line] : [line])
        expect(calls.every(({ tool, sequence }) => tool === `tool ${sequence}`)).toBe(true)
        if (!isLast) expect([errors.length, setAside]).toEqual([1, 1])
      }),
      { numRuns: 60 },
    )
  })

  it('is told by the file that is kept, by this run and by all later ones', async () => {
    const { path, name, directory, open, trail } = await crashedAfter(3)
    const damaged = readFileSync(path, 'utf8').replace('tool 2', 'tool 3')
    writeFileSync(path, damaged)
    const next = open()
    expect(next.filesSetAside()).toBe(0)
    expect(await next.replay()).toBe(2)
    expect(next.filesSetAside()).toBe(1)
    expect(readFileSync(join(directory, `${name}.corrupt`), 'utf8')).toBe(damaged)
    expect(sequences(trail.calls.values())).toEqual([1, 3])
    await next.close(1000)
    const later = open()
    expect(later.filesSetAside()).toBe(1)
    expect(await later.replay()).toBe(0)
    await later.close(1000)
  })

  it('or one that cannot be read any more, keeps no other file out', async () => {
    const { directory, open, trail, errors } = await crashedAfter(2)
    mkdirSync(join(directory, 'unreadable-000001.jsonl'))
    const next = open()
    expect(await next.replay()).toBe(2)
    expect(trail.calls.size).toBe(2)
    expect(next.filesSetAside()).toBe(1)
    expect(errors).toHaveLength(1)
  })
})

it('the spool that an earlier version left is replayed, next to lines of this one', async () => {
  const { path } = await crashedAfter(4)
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  const mixed = lines.map((line, index) => (index % 2 === 0 ? line.replace(/^\S+ /, '') : line))
  expect(mixed[0]?.startsWith('{')).toBe(true)
  const { calls, errors } = await replayed(`${mixed.join('\n')}\n`)
  expect(sequences(calls)).toEqual([1, 2, 3, 4])
  expect(errors).toEqual([])
})

describe('the quota', () => {
  const line = { call: { id: 'an id', sequence: 1 } as CallRecord }
  const { length } = lineOf(line)

  it('is kept to the byte', () => {
    const spool = openSpool(newDirectory(), 'boot')
    for (const count of upTo(4)) {
      spool.append([line], 4 * length)
      expect(spool.pendingBytes()).toBe(count * length)
    }
    expect(() => spool.append([line], 5 * length - 1)).toThrow(
      expect.objectContaining({ code: 'spool_full' }),
    )
    expect(spool.pendingBytes()).toBe(4 * length)
    spool.append([line], 5 * length)
    spool.close()
  })

  it('counts every file that holds a row which the database does not have, and none that does not', () => {
    const directory = newDirectory()
    const spool = openSpool(directory, 'boot')
    const large = { call: { ...line.call, tool: 'x'.repeat(3 * 1024 * 1024) } }
    const bytes = lineOf(large).length
    const segments = upTo(5).map(() => spool.append([large]))
    expect(new Set(segments).size).toBe(3)
    expect(spool.pendingBytes()).toBe(5 * bytes)
    expect(() => spool.append([large], 6 * bytes - 1)).toThrow(/holds/)
    for (const segment of segments.slice(0, 2)) spool.settle(segment, 1)
    expect(spool.pendingBytes()).toBe(3 * bytes)
    for (const segment of segments.slice(2)) spool.settle(segment, 1)
    expect(spool.pendingBytes()).toBe(0)
    spool.append([line], length)
    spool.close()
    expect(readdirSync(directory)).toHaveLength(1)
  })

  it('refuses a call and no more: what became of those that went on has its place', async () => {
    const { recorder, trail } = setUp({ quotaBytes: 6_000, holdMs: 60_000 })
    trail.isAway = true
    const begun = []
    for (;;) {
      const call = await recorder.begin([draft()], 'spool').catch(() => null)
      if (call === null) break
      begun.push(call)
      await call.open(200)
    }
    expect(begun.length).toBeGreaterThan(2)
    for (const call of begun) call.end({ outcome: 'succeeded', reason: null, status: 200, durationMs: 1 })
    expect(recorder.spooledBytes()).toBeGreaterThan(5_000)
    trail.isAway = false
    await expect.poll(() => recorder.backlog(), { timeout: 10_000 }).toBe(0)
    expect(sequences(trail.calls.values())).toEqual(upTo(begun.length))
    expect(trail.ends.size).toBe(begun.length)
  })

  it('does not hold while the database is there', async () => {
    const { recorder } = setUp({ quotaBytes: 1 })
    expect(await finished(recorder, [draft()], 'spool')).toBe(true)
  })
})

describe('where the spool is to be', () => {
  it('a directory that nobody may write to stops the start', () => {
    // Root may write to any but those that are on no disk.
    const isRoot = process.getuid?.() === 0
    const directory = isRoot ? '/sys/kernel/spool' : newDirectory()
    if (!isRoot) chmodSync(directory, 0o500)
    expect(() => setUp({ directory })).toThrow(expect.objectContaining({ code: 'spool_unusable' }))
  })

  it('a file in its place stops the start, and says what to do', () => {
    const file = join(newDirectory(), 'spool')
    appendFileSync(file, '')
    expect(() => setUp({ directory: file })).toThrow(/can't be written .* POSTERN_DATA/)
  })

  it('too little room is told', () => {
    const warnings: string[] = []
    const log = { warn: (_: object, message: string) => warnings.push(message), error: () => {} }
    setUp({ log, quotaBytes: Number.MAX_SAFE_INTEGER })
    expect(warnings).toEqual([expect.stringContaining('less room')])
    setUp({ log, quotaBytes: 1 })
    expect(warnings).toHaveLength(1)
  })
})
