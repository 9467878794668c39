import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseToken } from '../../src/domain/service-key.ts'
import { end, linesOf, run, start, type Ran } from './bin.ts'

// Each command is a process of its own, here over the socket of one server.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let cwd: string
let server: ReturnType<typeof start>
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'postern-cli-'))
  const policy = { keysPerServiceUser: 4, overlap: '2d', maxOverlap: '10d' }
  writeFileSync(join(cwd, 'postern.config.json'), JSON.stringify({ policy }))
  server = start(['serve', '--demo', '--json'], { cwd, env: { POSTERN_PORT: '0', POSTERN_ADMIN_PORT: '0' } })
  await linesOf(server)()
  await json('service-users', 'create', 'bot', '--owner', 'a@b.de', '--backup-owner', 'c@d.de')
})
afterAll(async () => {
  await end(server, 'SIGTERM')
  rmSync(cwd, { recursive: true, force: true })
})

function postern(...args: string[]): Promise<Ran> {
  return run(args, { cwd })
}

interface Key {
  id: string
  token: string
  state: string
  retiresAt: string | null
  predecessor: Key
}

async function json<T = Key>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await postern(...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.trimEnd()).not.toContain('\n')
  return JSON.parse(stdout) as T
}

/** Exit code and the one line of stderr. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await postern(...args)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^postern: [^\n]+\n$/)
  return `${code} ${stderr.slice('postern: '.length).trimEnd()}`
}

const createKey = (...more: string[]) => json('keys', 'create', '--service-user', 'bot', ...more)

test('a rotation is made, shown, extended, ended, and another one undone', async () => {
  const { id } = await createKey()
  const rotated = await json('keys', 'rotate', id, '--overlap', '1d', '--expires', '30d')
  expect(parseToken(rotated.token, ['pst'])).not.toBe(null)
  expect(rotated).toMatchObject({ state: 'active', predecessor: { id, state: 'retiring' } })
  expect(await refusal('keys', 'rotate', id)).toMatch(
    new RegExp(`^1 this key was rotated before, into ${rotated.id} \\(already_rotated\\)$`),
  )

  const { stdout } = await postern('keys', 'rotation', rotated.id)
  expect(stdout).toMatch(/^old +retiring +pst_.{4} +0 +never/m)
  expect(stdout).toMatch(/^new +active +pst_.{4} +0 +never/m)
  expect(stdout).toContain(`Safe to end: nobody used the old key in the last 24 hours.`)
  expect(await json('keys', 'rotation', id)).toMatchObject({
    predecessor: { id },
    successor: { id: rotated.id },
    safeToEnd: true,
  })

  const extended = await json('keys', 'extend-overlap', id, '--for', '5d')
  expect(Date.parse(extended.retiresAt ?? '')).toBeGreaterThan(Date.now() + 4 * 86_400_000)
  expect(await refusal('keys', 'extend-overlap', id, '--for', '11d')).toMatch(/^1 .*overlap_too_long/)
  expect(await refusal('keys', 'extend-overlap', id, '--until', 'soon')).toMatch(/^1 .*overlap_invalid/)
  expect(await json('keys', 'end-overlap', id)).toMatchObject({ id, state: 'retired' })
  expect(await refusal('keys', 'end-overlap', id)).toMatch(/^1 .*overlap_over/)

  const again = await json('keys', 'rotate', rotated.id)
  expect(await json('keys', 'undo-rotation', again.id)).toMatchObject({ id: rotated.id, state: 'active' })
  expect(await refusal('keys', 'rotation', again.id)).toMatch(/^1 .*not_rotated/)
  // What it was itself made by still stands.
  expect(await json('keys', 'rotation', rotated.id)).toMatchObject({ predecessor: { id } })
  expect(await json('keys', 'show', again.id)).toMatchObject({
    state: 'revoked',
    revokedReason: 'rotation undone',
  })
  expect((await postern('keys', 'show', id)).stdout).toMatch(/^rotated, works until +\d{4}/m)
})

test('a rotation into a pipe keeps the secret in a file that only its user may read; a refused one leaves none', async () => {
  const { id } = await createKey()
  const files = () => readdirSync(join(cwd, '.postern')).filter((name) => name.startsWith('key-'))
  const before = files()
  const { code, stdout } = await postern('keys', 'rotate', id)
  expect(code).toBe(0)
  expect(stdout).not.toMatch(/pst_/)
  expect(stdout).toMatch(/^works until +.*\(in 1 day\)/m)
  const path = /in the file (\S+)/.exec(stdout)?.[1] ?? ''
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(parseToken(readFileSync(path, 'utf8').trim(), ['pst'])).not.toBe(null)
  expect(files()).toHaveLength(before.length + 1)
  expect(await refusal('keys', 'rotate', id)).toMatch(/^1 .*already_rotated/)
  expect(files()).toHaveLength(before.length + 1)
  expect(existsSync(path)).toBe(true)
})

describe('what is wrong is answered with 1 and one line with its code', () => {
  const nobody = '00000000-0000-7000-8000-000000000000'
  test.each([
    [['keys', 'rotate', 'x'], 'not_found'],
    [['keys', 'rotate', nobody], 'not_found'],
    [['keys', 'rotation', nobody], 'not_found'],
    [['keys', 'undo-rotation', nobody], 'not_found'],
    [['service-users', 'disable', 'nobody'], 'not_found'],
    [['service-users', 'enable', 'bot'], 'not_disabled'],
    [['service-users', 'create', 'x'], 'owner_required'],
    [['service-users', 'create', 'x', '--owner', 'a@b.de', '--backup-owner', 'x\ny@z'], 'owner_invalid'],
  ])('%j: %s', async (args, code) => {
    expect(await refusal(...args)).toMatch(new RegExp(`^1 .*\\(?${code}\\)?`))
  })
})

test('a service user is disabled and enabled, and the lists show it in 120 columns', async () => {
  const [name, owner] = ['a-service-user-with-a-name', 'team@example.com']
  await json('service-users', 'create', name, '--owner', owner, '--backup-owner', 'backup@example.com')
  await json('keys', 'create', '--service-user', name, '--self-rotate', '--name', 'a label of some length')
  expect((await postern('service-users', 'disable', name, '--reason', 'attack')).stdout).toMatch(
    /^state +disabled since \d{4}/m,
  )
  const users = (await postern('service-users', 'list')).stdout
  expect(users).toMatch(/^disabled +a-service-user-with-a-name +team@example.com +backup@example.com/m)
  expect(users).toMatch(/^enabled +bot +a@b.de +c@d.de/m)
  const keys = (await postern('keys', 'list')).stdout
  expect(keys).toMatch(/^disabled +a label of s… +a-service-us… +pst_/m)
  expect(Math.max(...keys.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
  expect(await json('service-users', 'enable', name)).toMatchObject({ name, owner, disabledAt: null })
  const listed = await json<{ data: object[] }>('keys', 'list', '--service-user', name)
  expect(listed.data).toMatchObject([{ state: 'active', selfRotate: true }])
})
