import { expect, test } from 'vitest'
import {
  isManagementKeyLive,
  newManagementToken,
  readManagementToken,
} from '../../src/domain/management-key.ts'
import { createTokenScanner, hashToken, newToken, parseToken } from '../../src/domain/service-key.ts'

test('a management token is read by its digest, and is no service key’s; nor the reverse', () => {
  const token = newManagementToken()
  expect(token).toMatch(/^pmk_[0-9A-Za-z]{49}$/)
  expect(readManagementToken(token)).toEqual(hashToken(token))
  expect(parseToken(token, ['pst'])).toBeNull()
  expect(readManagementToken(newToken('pst'))).toBeNull()
  expect(readManagementToken(`${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`)).toBeNull()
})

test('a management token is found and masked wherever service keys are, whatever their prefixes', () => {
  const scanner = createTokenScanner(['mmm'])
  const text = `Bearer ${newManagementToken()}`
  expect(scanner.found(text)).toBe(true)
  expect(scanner.mask(text)).toBe('Bearer pmk_[masked]')
})

test.each([
  [null, 99, true],
  [null, 100, false],
  [50, 60, false],
  [50, 10, false],
])('a key that ends at 100 and is revoked at %s opens at %s: %s', (revokedAt, now, isLive) => {
  expect(isManagementKeyLive({ expiresAt: 100, revokedAt }, now)).toBe(isLive)
})
