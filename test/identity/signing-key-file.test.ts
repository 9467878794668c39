import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keepSigningKeys } from '../../src/identity/signing-key-file.ts'
import { vectors } from './assertion-vectors.ts'

let directory: string
const path = () => join(directory, 'signing-key.pem')
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-signing-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('the signing key of a data directory', () => {
  test('is made once, for nobody but its owner, and kept by every later start', () => {
    const [made] = keepSigningKeys(directory)
    expect(statSync(path()).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory)).toEqual(['signing-key.pem'])
    const [again] = keepSigningKeys(directory)
    expect(made !== undefined && again?.equals(made)).toBe(true)
  })

  test('may have others behind it', () => {
    const [made] = keepSigningKeys(directory)
    writeFileSync(path(), readFileSync(path(), 'utf8') + vectors.pem)
    const keys = keepSigningKeys(directory)
    expect(keys).toHaveLength(2)
    expect(made !== undefined && keys[0]?.equals(made)).toBe(true)
  })

  test('what an interrupted start left behind does not stop the next', () => {
    writeFileSync(`${path()}.new`, 'half a k', { mode: 0o644 })
    expect(keepSigningKeys(directory)).toHaveLength(1)
    expect(statSync(path()).mode & 0o777).toBe(0o600)
  })

  test('where no file can be kept, the setting is named', () => {
    rmSync(directory, { recursive: true })
    expect(() => keepSigningKeys(directory)).toThrow(/ENOENT.*POSTERN_SIGNING_KEY/)
  })

  test.each<[string, () => void]>([
    [
      'that others can read',
      () => {
        writeFileSync(path(), vectors.pem)
        chmodSync(path(), 0o640)
      },
    ],
    ['that is empty', () => writeFileSync(path(), '', { mode: 0o600 })],
    ['that holds something else', () => writeFileSync(path(), `secret ${vectors.pem}`, { mode: 0o600 })],
    [
      'that is a link',
      () => {
        writeFileSync(join(directory, 'other.pem'), vectors.pem, { mode: 0o600 })
        symlinkSync(join(directory, 'other.pem'), path())
      },
    ],
  ])('one %s stops the start, and is neither shown nor replaced', (_, make) => {
    make()
    const before = readFileSync(path(), 'utf8')
    let message = ''
    try {
      keepSigningKeys(directory)
    } catch (error) {
      expect(error).toMatchObject({ code: 'signing_key_unsafe' })
      message = String(error)
    }
    expect(message).toContain('signing-key.pem')
    expect(message).not.toContain('secret')
    expect(readFileSync(path(), 'utf8')).toBe(before)
  })
})
