import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createKeyFromFile } from '../../connect/src/credential/key-credential.ts'
import { createOwnKeys, ownKeyPath } from '../../connect/src/credential/own-key.ts'
import { renewKey } from '../../connect/src/credential/renew-key.ts'
import { selfRotationPath } from '../../src/config.ts'
import { onKeyStage, plainSend, type KeyStage, type Told } from './credentials-stage.ts'

let stage: KeyStage
onKeyStage((ready) => {
  stage = ready
})

const tokenIn = (file: string) => readFileSync(file, 'utf8').trim()
const within = { timeout: 15_000 }
const rotationRequest = `POST ${selfRotationPath} `

test('the bridge asks where the gateway answers', () => {
  expect(ownKeyPath).toBe(selfRotationPath)
})

describe('a key that may renew itself', () => {
  test('is renewed with a third of its life to go: the file has the new one, and the old one works on', async () => {
    const key = await stage.issue(0.75)
    const file = await stage.keyFile(key.token)
    const { credential, told } = await stage.open(file)
    await expect.poll(() => tokenIn(file), within).not.toBe(key.token)
    const renewed = tokenIn(file)
    await expect.poll(() => credential.header(), within).toEqual({ authorization: `Bearer ${renewed}` })
    expect(await stage.call(renewed)).toBe(200)
    expect(await stage.call(key.token)).toBe(200)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await credential.close()
    expect(readdirSync(dirname(file))).toEqual(['agent.key'])
    expect(told.map(({ code }) => code)).toEqual(['key_renewed'])
    expect(JSON.stringify(told)).not.toContain(renewed)
    expect(JSON.stringify(told)).not.toContain(key.token)
  })

  test('is left alone before', async () => {
    const key = await stage.issue(0.5)
    const file = await stage.keyFile(key.token)
    const keys = createOwnKeys(stage.url, plainSend)
    const { credential } = await stage.open(file)
    // Three answers later the bridge has had its own, too.
    for (let each = 0; each < 3; each++) await keys.describe(key.token)
    await credential.close()
    expect(tokenIn(file)).toBe(key.token)
    expect(await stage.successorsOf(key)).toEqual([])
  })

  test('and whose answer gets lost is asked for again: one successor, and it works', async () => {
    const key = await stage.issue(0.75)
    const file = await stage.keyFile(key.token)
    stage.line.cutAnswersTo(rotationRequest, 2)
    const before = stage.line.cuts
    const { credential } = await stage.open(file)
    await expect.poll(() => tokenIn(file), within).not.toBe(key.token)
    expect(stage.line.cuts - before).toBe(2)
    expect(await stage.successorsOf(key)).toHaveLength(1)
    expect(await stage.call(tokenIn(file))).toBe(200)
    await credential.close()
  })

  test('and whose bridge died with the answer is renewed by the next one, which knows nothing of it', async () => {
    const key = await stage.issue(0.75)
    const file = await stage.keyFile(key.token)
    stage.line.cutAnswersTo(rotationRequest)
    const keys = createOwnKeys(stage.url, plainSend)
    const lost = await renewKey({ path: file, token: key.token, unsaved: null, keys, now: Date.now })
    expect(lost.kind).toBe('unsure')
    expect(tokenIn(file)).toBe(key.token)
    const successors = await stage.successorsOf(key)
    expect(successors).toHaveLength(1)

    const { credential } = await stage.open(file)
    await expect.poll(() => tokenIn(file), within).not.toBe(key.token)
    expect(await stage.successorsOf(key)).toEqual(successors)
    expect(await stage.call(tokenIn(file))).toBe(200)
    await credential.close()
  })

  test('and is shared by bridges is rotated once, and all of them use what came of it', async () => {
    const key = await stage.issue(0.75)
    const file = await stage.keyFile(key.token)
    const bridges = await Promise.all(Array.from({ length: 5 }, () => stage.open(file)))
    await expect.poll(() => tokenIn(file), within).not.toBe(key.token)
    const authorization = `Bearer ${tokenIn(file)}`
    for (const { credential } of bridges)
      await expect.poll(() => credential.header(), within).toEqual({ authorization })
    expect(await stage.successorsOf(key)).toHaveLength(1)
    for (const { credential } of bridges) await credential.close()
    // Nobody is told twice, nor that somebody else was quicker.
    expect(bridges.flatMap(({ told }) => told.map(({ code }) => code))).toEqual(['key_renewed'])
    expect(tokenIn(file)).toBe(authorization.slice('Bearer '.length))
    expect(await stage.call(tokenIn(file))).toBe(200)
  })

  test('is not asked for where the file holds another by now', async () => {
    const [key, other] = [await stage.issue(0.75), await stage.issue()]
    const file = await stage.keyFile(other.token)
    const keys = createOwnKeys(stage.url, plainSend)
    expect(await renewKey({ path: file, token: key.token, unsaved: null, keys, now: Date.now })).toEqual({
      kind: 'changed',
      token: other.token,
    })
    expect(await stage.successorsOf(key)).toEqual([])
  })

  test('but was rotated elsewhere is kept to its end, and the person is told what to do', async () => {
    const key = await stage.issue(0)
    await stage.gateway.postern.keys.rotate(key.id, {}, 'the test')
    const file = await stage.keyFile(key.token)
    const { credential, told } = await stage.open(file)
    await expect.poll(() => told, within).toMatchObject([{ code: 'renewal_refused', level: 'warning' }])
    expect(told[0]?.text).toMatch(/rotated elsewhere.*put its successor into/)
    expect(tokenIn(file)).toBe(key.token)
    expect(await stage.successorsOf(key)).toHaveLength(1)
    await credential.close()
  })
})

describe('a key file that another writes', () => {
  test('is taken at the next call, or at once where the key in use is refused', async () => {
    const [first, second] = [await stage.issue(), await stage.issue()]
    const file = await stage.keyFile(first.token)
    const { credential } = await stage.open(file)
    const used = (await credential.header()).authorization
    expect(await credential.refused(used, 401)).toBe('same')
    writeFileSync(file, `${second.token}\n`)
    expect(await credential.refused(used, 403)).toBe('same')
    expect(await credential.refused(used, 401)).toBe('changed')
    expect(await credential.header()).toEqual({ authorization: `Bearer ${second.token}` })
    // An answer that comes late to a request that bore the key from before.
    expect(await credential.refused(used, 401)).toBe('changed')
    writeFileSync(file, `${first.token}\n`)
    await expect.poll(() => credential.header(), within).toEqual({ authorization: `Bearer ${first.token}` })
    await credential.close()
  })

  test('and spoils is not taken: the key from before goes on', async () => {
    const key = await stage.issue()
    const file = await stage.keyFile(key.token)
    const { credential, told } = await stage.open(file)
    const used = (await credential.header()).authorization
    for (const spoilt of ['', 'half', `${key.token}x`]) {
      writeFileSync(file, spoilt)
      expect(await credential.refused(used, 401)).toBe('same')
      expect(await credential.header()).toEqual({ authorization: used })
    }
    expect(told.map(({ code }) => code)).toEqual(['key_file_ignored'])
    await credential.close()
  })
})

describe('where the new key can’t be written', () => {
  const canMount =
    process.platform === 'linux' &&
    process.getuid?.() === 0 &&
    spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs $d && umount $d && rmdir $d']).status === 0

  /** A file system of its own, so that it can be filled, or made read-only even for root. */
  async function onOwnDisk(work: (folder: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'postern-disk-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k,mode=700', 'tmpfs', folder])
    try {
      await work(folder)
    } finally {
      execFileSync('umount', [folder])
      rmSync(folder, { recursive: true })
    }
  }

  test.skipIf(!canMount).each([
    ['the disk is full', /disk is full \(ENOSPC\); make room there/],
    ['the folder is read-only', /read-only \(EROFS\); let who runs this write there/],
  ])(
    'since %s nothing is asked for: the key works on, a line says what to do, and then it is made good',
    async (which, words) => {
      await onOwnDisk(async (folder) => {
        const key = await stage.issue(0.75)
        const file = join(folder, 'agent.key')
        writeFileSync(file, key.token, { mode: 0o600 })
        const isFull = which === 'the disk is full'
        if (isFull) spawnSync('dd', ['if=/dev/zero', `of=${folder}/ballast`, 'bs=4096'])
        else execFileSync('mount', ['-o', 'remount,ro', folder])

        const { credential, told } = await stage.open(file)
        await expect.poll(() => told.map(({ code }) => code), within).toContain('renewal_blocked')
        expect(told[0]?.text).toMatch(words)
        expect(await stage.successorsOf(key)).toEqual([])
        expect(await credential.header()).toEqual({ authorization: `Bearer ${key.token}` })
        expect(await stage.call(key.token)).toBe(200)

        if (isFull) rmSync(join(folder, 'ballast'))
        else execFileSync('mount', ['-o', 'remount,rw', folder])
        await expect.poll(() => tokenIn(file), within).not.toBe(key.token)
        expect(await stage.call(tokenIn(file))).toBe(200)
        await credential.close()
      })
    },
  )

  test('after it was made, the old one goes on, and the new one is got again once there is a place for it', async () => {
    const key = await stage.issue(0.75)
    const file = await stage.keyFile(key.token)
    const real = createOwnKeys(stage.url, plainSend)
    const rotate = async (token: string) => {
      const asked = await real.rotate(token)
      // No rename can replace a folder that isn't empty.
      rmSync(file)
      mkdirSync(join(file, 'in the way'), { recursive: true })
      return asked
    }
    const unsaved = await renewKey({
      path: file,
      token: key.token,
      unsaved: null,
      keys: { rotate },
      now: Date.now,
    })
    expect(unsaved).toMatchObject({ kind: 'unsaved', code: expect.stringMatching(/^E/) })
    expect(await stage.call(key.token)).toBe(200)

    rmSync(file, { recursive: true })
    writeFileSync(file, key.token, { mode: 0o600 })
    const { credential } = await stage.open(file)
    await expect.poll(() => tokenIn(file), within).not.toBe(key.token)
    expect(await stage.successorsOf(key)).toHaveLength(1)
    expect(await stage.call(tokenIn(file))).toBe(200)
    await credential.close()
  })

  test('until the old one is dead, the new one is used from memory, and written as soon as it can be', async () => {
    const key = await stage.issue(0.75)
    const file = await stage.keyFile(key.token)
    const real = createOwnKeys(stage.url, plainSend)
    let asked = 0
    const keys = {
      ...real,
      async rotate(token: string) {
        const answer = await real.rotate(token)
        if (asked++ === 0) rmSync(file)
        mkdirSync(join(file, 'in the way'), { recursive: true })
        return answer
      },
    }
    const told: Told[] = []
    const credential = createKeyFromFile({
      file,
      first: { path: file, text: key.token },
      keys,
      random: Math.random,
      tell: (level, code, text) => void told.push({ level, code, text }),
      now: Date.now,
    })
    await expect.poll(() => told.map(({ code }) => code), within).toContain('renewal_unsaved')
    const { authorization: old } = await credential.header()
    expect(old).toBe(`Bearer ${key.token}`)
    await stage.gateway.postern.keys.endOverlap(key.id, 'the test')
    await expect.poll(() => stage.call(key.token), within).toBe(401)
    expect(await credential.refused(old, 401)).toBe('changed')
    const inUse = (await credential.header()).authorization.slice('Bearer '.length)
    expect(await stage.call(inUse)).toBe(200)

    rmSync(file, { recursive: true })
    writeFileSync(file, key.token, { mode: 0o600 })
    await expect.poll(() => tokenIn(file), within).toBe(inUse)
    expect(await credential.header()).toEqual({ authorization: `Bearer ${inUse}` })
    expect(await stage.successorsOf(key)).toHaveLength(1)
    await credential.close()
  })

  test('a successor in use that was never written is written when it can be, and no other is asked for', async () => {
    const key = await stage.issue(0.75)
    const file = await stage.keyFile(key.token)
    const keys = createOwnKeys(stage.url, plainSend)
    const asked = await keys.rotate(key.token)
    if (asked.kind !== 'answered') throw new Error(asked.kind)
    expect(await stage.call(asked.value.token)).toBe(200)
    const { token } = asked.value
    expect(
      await renewKey({ path: file, token: key.token, unsaved: token, keys, now: Date.now }),
    ).toMatchObject({
      kind: 'renewed',
    })
    expect(tokenIn(file)).toBe(token)
    expect(await stage.successorsOf(key)).toHaveLength(1)
  })
})
