import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { acquireFileLock, lockStaleMs } from '../../connect/src/credential/file-lock.ts'
import { draftKeyFile } from '../../connect/src/credential/key-draft.ts'
import { readPrivateFile } from '../../connect/src/credential/private-file.ts'
import { newToken } from '../../src/domain/service-key.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-key-'))
  file = join(folder, 'agent.key')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function put(text: string, mode = 0o600): void {
  writeFileSync(file, text)
  chmodSync(file, mode)
}

describe('a key file', () => {
  test.each([0o600, 0o400, 0o700])('that only its owner may use (%o) is read', async (mode) => {
    put('secret\n', mode)
    expect((await readPrivateFile(file)).text).toBe('secret\n')
  })

  test.each([0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o777])(
    'that others may use (%o) is refused',
    async (mode) => {
      put('secret', mode)
      await expect(readPrivateFile(file)).rejects.toMatchObject({
        reason: 'key_file_unsafe',
        message: expect.stringMatching(/chmod 600/),
      })
    },
  )

  test.skipIf(process.getuid?.() !== 0)('of another user is refused (only root can try)', async () => {
    put('secret')
    chownSync(file, 65534, 65534)
    await expect(readPrivateFile(file)).rejects.toMatchObject({ reason: 'key_file_unsafe' })
  })

  test('may be a link to a good one, and what is judged and replaced is where it leads', async () => {
    put('secret')
    const link = join(folder, 'link')
    symlinkSync(file, link)
    expect(await readPrivateFile(link)).toEqual({ path: file, text: 'secret' })
    chmodSync(file, 0o644)
    await expect(readPrivateFile(link)).rejects.toMatchObject({ reason: 'key_file_unsafe' })
  })

  test('that is a pipe or a folder is refused, and nobody waits for it', async () => {
    execFileSync('mkfifo', ['-m', '600', file])
    await expect(readPrivateFile(file)).rejects.toMatchObject({ reason: 'key_file_unsafe' })
    await expect(readPrivateFile(folder)).rejects.toMatchObject({ reason: 'key_file_unsafe' })
  })

  test('of 512 bytes is read, and a longer one is not', async () => {
    put('x'.repeat(512))
    expect((await readPrivateFile(file)).text.length).toBe(512)
    put('x'.repeat(513))
    await expect(readPrivateFile(file)).rejects.toMatchObject({ reason: 'key_file_unsafe' })
  })

  test('that is not there is named; a key in the place of its name is not repeated', async () => {
    await expect(readPrivateFile(file)).rejects.toMatchObject({
      reason: 'key_file_unreadable',
      message: expect.stringContaining(file),
    })
    const token = newToken('pst')
    await expect(readPrivateFile(token)).rejects.toMatchObject({
      message: expect.not.stringContaining(token),
    })
  })
})

describe('the next content of a key file', () => {
  test('takes its place whole, for its owner alone, and leaves nothing beside it', async () => {
    put('old\n', 0o400)
    const draft = await draftKeyFile(file, 'old')
    expect(readFileSync(file, 'utf8')).toBe('old\n')
    await draft.commit('a-much-longer-new-one')
    await draft.discard()
    expect(readFileSync(file, 'utf8')).toBe('a-much-longer-new-one\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['agent.key'])
  })

  test('holds the present key until then, so that no mistaken rename takes a key away', async () => {
    put('old\n')
    const draft = await draftKeyFile(file, 'old')
    const [name = ''] = readdirSync(folder).filter((each) => each !== 'agent.key')
    expect(readFileSync(join(folder, name), 'utf8')).toBe('old\n')
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    await draft.discard()
    expect(readdirSync(folder)).toEqual(['agent.key'])
  })

  test('of a bridge that was killed is cleared away by the next, and other files are not', async () => {
    put('old\n')
    writeFileSync(join(folder, 'agent.key.renewal-1-killed'), 'old\n')
    writeFileSync(join(folder, 'agent.key.backup'), 'mine')
    const draft = await draftKeyFile(file, 'old')
    expect(readdirSync(folder).filter((name) => name.startsWith('agent.key.renewal-')).length).toBe(1)
    await draft.discard()
    expect(readdirSync(folder).sort()).toEqual(['agent.key', 'agent.key.backup'])
  })
})

describe('the lock of a key file', () => {
  const now = () => Date.now()
  const lockFile = () => `${file}.lock`
  /** The id of a process that is over. */
  const deadPid = () => Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }))

  test('is one bridge’s at a time, and free again once given back', async () => {
    const first = await acquireFileLock(file, now)
    expect(await acquireFileLock(file, now)).toBeNull()
    expect(await first?.isOurs()).toBe(true)
    await first?.release()
    const second = await acquireFileLock(file, now)
    expect(second).not.toBeNull()
    expect(await first?.isOurs()).toBe(false)
    // Late, by one that has lost it.
    await first?.release()
    expect(await second?.isOurs()).toBe(true)
    await second?.release()
    expect(readdirSync(folder)).toEqual([])
  })

  test.each<[string, () => { text: string; ageMs: number }, boolean]>([
    ['of a dead process on this host', () => ({ text: owner(deadPid()), ageMs: 0 }), true],
    ['of a living process', () => ({ text: owner(process.pid), ageMs: 0 }), false],
    [
      'of an id that lives, but too old',
      () => ({ text: owner(process.pid), ageMs: lockStaleMs + 5000 }),
      true,
    ],
    ['of another host', () => ({ text: owner(deadPid(), 'elsewhere'), ageMs: 0 }), false],
    ['of another host, too old', () => ({ text: owner(1, 'elsewhere'), ageMs: lockStaleMs + 5000 }), true],
    ['just being written', () => ({ text: '', ageMs: 0 }), false],
    ['never finished', () => ({ text: '{"pid":', ageMs: lockStaleMs + 5000 }), true],
  ])('%s', async (_, make, isTaken) => {
    const { text, ageMs } = make()
    writeFileSync(lockFile(), text)
    const at = (Date.now() - ageMs) / 1000
    utimesSync(lockFile(), at, at)
    const lock = await acquireFileLock(file, now)
    expect(lock !== null).toBe(isTaken)
    await lock?.release()
    expect(readdirSync(folder)).toEqual(isTaken ? [] : ['agent.key.lock'])
  })

  test('of a dead one is taken over by one of many that come at once', async () => {
    for (let round = 0; round < 20; round++) {
      writeFileSync(lockFile(), owner(999_999_999))
      const locks = await Promise.all(Array.from({ length: 8 }, () => acquireFileLock(file, now)))
      const held = locks.filter((lock) => lock !== null)
      const ours = await Promise.all(held.map((lock) => lock.isOurs()))
      expect(ours.filter(Boolean).length).toBeLessThanOrEqual(1)
      for (const lock of held) await lock.release()
      rmSync(lockFile(), { force: true })
    }
  })

  test('rejects where nothing can be written', async () => {
    mkdirSync(join(folder, 'x'))
    await expect(acquireFileLock(join(folder, 'nowhere', 'agent.key'), now)).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  function owner(pid: number, host = hostname()): string {
    return JSON.stringify({ pid, host, id: 'x' })
  }
})
