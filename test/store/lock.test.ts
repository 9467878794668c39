import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DirectoryUnsafe, prepareDirectory } from '../../src/store/data-directory.ts'
import { acquireLock, DirectoryLocked, readLock } from '../../src/store/lock.ts'
import { ownIdentity } from '../../src/store/process-identity.ts'
import { startChild } from './child.ts'
import type { Child } from './child.ts'

/** What happens right before the next file of a generation is made. */
const beforeLink = vi.hoisted((): (() => void)[] => [])
vi.mock('node:fs', async (original) => {
  const actual = await original<typeof import('node:fs')>()
  const linkSync: typeof actual.linkSync = (from, to) => {
    beforeLink.shift()?.()
    actual.linkSync(from, to)
  }
  return { ...actual, linkSync }
})

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'postern-lock-'))
})
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true })
})

const settings = { socketPath: null }
const lockFiles = () => readdirSync(dataDir).filter((name) => name.startsWith('lock'))

async function answerOf(child: Child): Promise<object> {
  const [line] = await child.said(1)
  return JSON.parse(line ?? '')
}

async function killed(child: Child): Promise<void> {
  child.process.kill('SIGKILL')
  await child.ended
}

async function refusal(): Promise<DirectoryLocked> {
  const error: unknown = await acquireLock(dataDir, settings).catch((error: unknown) => error)
  if (!(error instanceof DirectoryLocked)) throw new Error('the lock was given')
  expect(error.code).toBe('directory_locked')
  expect(error.message).not.toContain('\n')
  return error
}

/** Changes what the lock's file says about its holder. */
function forge(change: Record<string, unknown>): void {
  const file = join(dataDir, lockFiles().at(-1) ?? '')
  const content: { holder: object } = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...content, holder: { ...content.holder, ...change } }))
}

describe('the lock on the data directory (T28)', () => {
  test('says who holds it, and nobody before and after', async () => {
    expect(readLock(dataDir)).toBeNull()
    expect(readLock(join(dataDir, 'missing'))).toBeNull()
    const lock = await acquireLock(dataDir, { socketPath: '/run/postern.sock' })
    expect(readLock(dataDir)).toEqual({ holder: lock.holder, alive: true })
    expect(lock.holder).toMatchObject({ pid: process.pid, socketPath: '/run/postern.sock' })
    lock.release()
    lock.release()
    expect(readLock(dataDir)).toBeNull()
  })

  test('is refused to everyone else while its holder lives, this process included', async () => {
    const lock = await acquireLock(dataDir, settings)
    const { message, holder } = await refusal()
    expect(holder).toEqual(lock.holder)
    expect(message).toContain(String(process.pid))
    lock.release()
  })

  test('is held against another process, and free after its release and after its death', async () => {
    const first = startChild('hold-lock', [dataDir])
    expect(await answerOf(first)).toHaveProperty('acquired')
    expect((await refusal()).holder).toMatchObject({ pid: first.process.pid, socketPath: '/tmp/a socket' })
    first.process.stdin?.end()
    await first.ended

    const second = startChild('hold-lock', [dataDir])
    expect(await answerOf(second)).toHaveProperty('acquired')
    await killed(second)
    expect(readLock(dataDir)).toMatchObject({ alive: false })
    const lock = await acquireLock(dataDir, settings)
    expect(lockFiles()).toEqual(['lock.3'])
    lock.release()
  })

  test('is stolen from a process whose pid another one has now', async () => {
    await acquireLock(dataDir, settings)
    forge({ startedAt: '1' })
    const lock = await acquireLock(dataDir, settings)
    expect(readLock(dataDir)?.holder.id).toBe(lock.holder.id)
  })

  test.each([{ host: 'elsewhere' }, { boot: 'another' }])(
    'is not stolen by age or death where %o, and the refusal says how to go on',
    async (change) => {
      await acquireLock(dataDir, settings)
      forge({ pid: 2 ** 22 + 1, ...change })
      expect((await refusal()).message).toContain(join(dataDir, 'lock.1'))
      expect(readLock(dataDir)).toMatchObject({ alive: false, holder: change })
      rmSync(join(dataDir, 'lock.1'))
      await acquireLock(dataDir, settings)
    },
  )

  test.each(['', '{}', 'null', '{"released":false}', '{"released":false,"holder":{"pid":1}}', 'lock'])(
    'is refused where its file reads %j',
    async (text) => {
      writeFileSync(join(dataDir, 'lock.7'), text)
      expect((await refusal()).message).toContain('lock.7')
    },
  )

  test('an old generation that a late process made again is not the lock', async () => {
    await acquireLock(dataDir, settings)
    forge({ startedAt: '1' })
    const old = readFileSync(join(dataDir, 'lock.1'))
    const lock = await acquireLock(dataDir, settings)
    writeFileSync(join(dataDir, 'lock.1'), old)
    expect(readLock(dataDir)?.holder.id).toBe(lock.holder.id)
    await refusal()
  })

  test('of a process so late that its generation had come and gone is not the lock', async () => {
    await acquireLock(dataDir, settings)
    forge({ startedAt: '1' })
    const content: { holder: object } = JSON.parse(readFileSync(join(dataDir, 'lock.1'), 'utf8'))
    // While it was about to make lock.2, others had held and released 2, and one holds 3.
    beforeLink.push(() => {
      writeFileSync(
        join(dataDir, 'lock.3'),
        JSON.stringify({ ...content, holder: { ...content.holder, ...ownIdentity(), id: 'third' } }),
      )
      rmSync(join(dataDir, 'lock.1'))
    })
    expect((await refusal()).holder).toMatchObject({ id: 'third' })
    expect(lockFiles()).toEqual(['lock.3'])
  })

  test('of eight processes that find a dead holder at once, one gets it', async () => {
    await acquireLock(dataDir, settings)
    forge({ startedAt: '1' })
    const children = Array.from({ length: 8 }, () => startChild('hold-lock', [dataDir]))
    const answers = await Promise.all(children.map(answerOf))
    expect(answers.filter((answer) => 'acquired' in answer)).toHaveLength(1)
    expect(
      answers.filter((answer) => 'refused' in answer && answer.refused === 'directory_locked'),
    ).toHaveLength(7)
    await Promise.all(children.map(killed))
  })

  test('of eight processes that take and release it over and over, never two are inside', async () => {
    const children = Array.from({ length: 8 }, () => startChild('hold-lock', [dataDir, '150']))
    const answers = await Promise.all(children.map(answerOf))
    const entered = answers.map((answer) => ('entered' in answer ? Number(answer.entered) : Number.NaN))
    expect(answers).toEqual(entered.map((entered) => ({ entered, broken: 0 })))
    await Promise.all(children.map(({ ended }) => ended))
    expect(entered.reduce((sum, count) => sum + count)).toBeGreaterThan(0)
    expect(lockFiles().filter((name) => name.includes('draft'))).toEqual([])
  })
})

const mode = (path: string) => statSync(path).mode & 0o777

describe('the data directory', () => {
  test('is made closed to others, and an empty one is closed', () => {
    const made = prepareDirectory(join(dataDir, 'a', 'b'))
    expect(mode(made)).toBe(0o700)
    mkdirSync(join(dataDir, 'open'), { mode: 0o755 })
    expect(mode(prepareDirectory(join(dataDir, 'open')))).toBe(0o700)
  })

  test('is refused where it holds something and is open to others', () => {
    mkdirSync(join(dataDir, 'open'), { mode: 0o755 })
    writeFileSync(join(dataDir, 'open', 'file'), '')
    expect(() => prepareDirectory(join(dataDir, 'open'))).toThrow(DirectoryUnsafe)
    expect(mode(join(dataDir, 'open'))).toBe(0o755)
    expect(existsSync(join(dataDir, 'open', 'file'))).toBe(true)
  })
})
