import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import type { CallDraft } from '../../src/audit/recorder.ts'
import { denied, draft, finished, sequences, setUp, spoolLines, succeeded, upTo } from './recording.ts'

/** A disk of 256 KiB: only root may mount one. */
const disk = mkdtempSync(join(tmpdir(), 'postern-disk-'))
const isMounted = mount()

function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

afterAll(() => {
  if (isMounted) execFileSync('umount', ['-l', disk])
  rmSync(disk, { recursive: true, force: true })
})

const ballast = join(disk, 'ballast')

/** Leaves a few bytes, so that a line is taken in half before the disk is full. */
function fillDisk(): void {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(ballast, Buffer.alloc(bavail * bsize))
}

function freeDisk(): void {
  unlinkSync(ballast)
}

let directories = 0
const onDisk = () => setUp({ directory: join(disk, `spool-${++directories}`), holdMs: 10_000 })
const large = (fields: Partial<CallDraft> = {}) => draft({ path: `/${'x'.repeat(6000)}`, ...fields })
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 })

describe.skipIf(!isMounted)('a full disk (skipped where no tmpfs can be mounted)', () => {
  it('lets no call begin, uses up no number, and leaves no half line behind', async () => {
    const { recorder, trail, directory, open } = onDisk()
    expect(await finished(recorder, [large({ tool: 'before' })], 'strict')).toBe(true)
    fillDisk()
    for (const _ of upTo(5))
      await expect(recorder.begin([large(), large()], 'strict')).rejects.toThrow(/ENOSPC/)
    expect(recorder.backlog()).toBe(0)
    freeDisk()
    expect(await finished(recorder, [large({ tool: 'after' })], 'strict')).toBe(true)
    expect([...trail.calls.values()].map((call) => [call.tool, call.sequence])).toEqual([
      ['before', 1],
      ['after', 2],
    ])
    expect(spoolLines(directory)).toHaveLength(2)
    expect(await open().replay()).toBe(2)
  })

  it('loses no end and no denial while the database takes them', async () => {
    const { recorder, trail, errors } = onDisk()
    const begun = await Promise.all(upTo(100).map(() => recorder.begin([draft()], 'strict')))
    await Promise.all(begun.map((call) => call.open(200)))
    fillDisk()
    for (const call of begun) call.end(succeeded)
    for (const _ of upTo(15)) recorder.deny(large(), denied)
    await eventually(() => expect(trail.ends.size).toBe(100))
    expect(errors.length).toBeGreaterThan(0)
    await recorder.close(10_000)
    const rows = [...trail.calls.values()].filter((call) => call.outcome === 'denied')
    expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(15)
    expect(sequences(trail.calls.values())).toEqual(upTo(100 + rows.length))
    freeDisk()
  })

  it('does not keep a call under way from being recorded and answered', async () => {
    const { recorder, trail } = onDisk()
    const begun = await recorder.begin([draft()], 'strict')
    fillDisk()
    expect(await begun.finish(succeeded)).toBe(true)
    expect([...trail.calls.values()]).toMatchObject([succeeded])
    freeDisk()
  })
})
