import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepAdminSecret } from '../../../src/admin/sign-in/secret.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-secret-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))
const path = () => join(directory, 'admin-secret')

test('the secret is made once, for this user only, and is the same at the next start', () => {
  const secret = keepAdminSecret(directory)
  expect(Buffer.from(secret, 'base64')).toHaveLength(32)
  expect(statSync(path()).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory)).toEqual(['admin-secret'])
  expect(keepAdminSecret(directory)).toBe(secret)
})

test('what a killed start left unfinished is not taken for it', () => {
  writeFileSync(`${path()}.new`, 'half')
  expect(keepAdminSecret(directory)).toHaveLength(44)
  expect(readdirSync(directory)).toEqual(['admin-secret'])
})

test.each<[string, () => void]>([
  [
    'others can read',
    () => {
      keepAdminSecret(directory)
      chmodSync(path(), 0o644)
    },
  ],
  ['is empty', () => writeFileSync(path(), '', { mode: 0o600 })],
  [
    'leads elsewhere',
    () => {
      writeFileSync(join(directory, 'other'), 'x'.repeat(40), { mode: 0o600 })
      symlinkSync(join(directory, 'other'), path())
    },
  ],
])('a file that %s is refused, and its content is not shown', (_name, prepare) => {
  prepare()
  const content = readFileSync(path(), 'utf8').trim()
  let message = ''
  try {
    keepAdminSecret(directory)
  } catch (error) {
    message = error instanceof Error && 'code' in error ? `${String(error.code)} ${error.message}` : ''
  }
  expect(message).toMatch(/^admin_secret_unsafe /)
  if (content !== '') expect(message).not.toContain(content)
})
