import { describe, expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { LoginCondition, LoginRecord, LoginValue } from '../../src/domain/people-store.ts'
import type { Store } from '../../src/domain/ports.ts'
import { at } from './records.ts'

/** What a sign-in library keeps: what every engine passes. */
export function loginConformance(current: () => Store): void {
  const logins = () => current().logins
  const made = { createdAt: new Date(at), updatedAt: new Date(at + 1) }
  const is = (field: string, value: LoginValue): LoginCondition => ({ field, operator: 'eq', value })

  const user = (over: LoginRecord = {}): LoginRecord => {
    const id = newId(at)
    const email = `${id}@example.com`
    return { id, email, name: 'Ada', role: 'owner', emailVerified: false, image: null, ...made, ...over }
  }

  const verification = (identifier: string, value: string): LoginRecord => ({
    ...{ id: newId(at), identifier, value, expiresAt: new Date(at + 9), ...made },
  })

  describe('login records', () => {
    test('come back as they were given, every field of every model', async () => {
      const person = user()
      const userId = person['id'] ?? ''
      const records = {
        user: person,
        session: {
          ...{ id: newId(at), userId, token: newId(at), expiresAt: new Date(at + 9), ipAddress: '127.0.0.1' },
          ...{ userAgent: 'agent "1" \\ ü', ...made },
        },
        account: {
          ...{ id: newId(at), userId, providerId: 'credential', accountId: userId, accessToken: 'a' },
          ...{ refreshToken: 'b', idToken: 'c', accessTokenExpiresAt: new Date(at), scope: 'openid' },
          ...{ refreshTokenExpiresAt: new Date(at + 5), password: 'salt:hash', ...made },
        },
        verification: verification(newId(at), '{"json":true}'),
        passkey: {
          ...{ id: newId(at), userId, name: 'laptop', publicKey: 'key', credentialID: newId(at), counter: 7 },
          ...{ deviceType: 'multiDevice', backedUp: true, transports: 'internal,hybrid', aaguid: null },
          createdAt: new Date(at),
        },
      } as const
      for (const model of ['user', 'session', 'account', 'verification', 'passkey'] as const) {
        const record: LoginRecord = records[model]
        expect(await logins().create(model, record)).toEqual(record)
        expect(await logins().findOne(model, [is('id', record['id'] ?? '')])).toEqual(record)
      }
    })

    test.each<[string, Omit<LoginCondition, 'field'>, number[]]>([
      ['equal', { operator: 'eq', value: 'b_b' }, [1]],
      ['equal, whatever the case', { operator: 'eq', value: 'B_B', isInsensitive: true }, [1]],
      ['unequal', { operator: 'ne', value: 'b_b' }, [0, 2, 3]],
      ['one of several', { operator: 'in', value: ['aaa', 'b%b'] }, [0, 2]],
      ['none of several', { operator: 'not_in', value: ['aaa', 'b%b'] }, [1, 3]],
      ['one of none', { operator: 'in', value: [] }, []],
      ['containing, as it is written', { operator: 'contains', value: '_' }, [1]],
      ['containing, whatever the case', { operator: 'contains', value: 'B%', isInsensitive: true }, [2]],
      ['beginning', { operator: 'starts_with', value: 'b' }, [1, 2]],
      ['ending', { operator: 'ends_with', value: '%b' }, [2]],
      ['greater', { operator: 'gt', value: 'aaa' }, [1, 2, 3]],
    ])('are found by what is %s', async (_, condition, expected) => {
      const identifier = newId(at)
      const values = ['aaa', 'b_b', 'b%b', 'ccc']
      for (const value of values) await logins().create('verification', verification(identifier, value))
      const where = [is('identifier', identifier), { field: 'value', ...condition }]
      const found = await logins().findMany('verification', { where })
      expect(new Set(found.map(({ value }) => value))).toEqual(new Set(expected.map((n) => values[n])))
      expect(await logins().count('verification', where)).toBe(expected.length)
    })

    test('conditions go together: all of AND, and at least one of OR', async () => {
      const identifier = newId(at)
      for (const value of ['a', 'b', 'c'])
        await logins().create('verification', verification(identifier, value))
      const where: LoginCondition[] = [
        is('identifier', identifier),
        { ...is('value', 'a'), connector: 'OR' },
        { ...is('value', 'b'), connector: 'OR' },
      ]
      expect(await logins().count('verification', where)).toBe(2)
      expect(await logins().count('verification', [...where, is('value', 'c')])).toBe(0)
    })

    test('come in order, a part at a time', async () => {
      const identifier = newId(at)
      for (const value of ['b', 'a', 'c'])
        await logins().create('verification', verification(identifier, value))
      const sortBy = { field: 'value', direction: 'desc' } as const
      const where = [is('identifier', identifier)]
      const found = await logins().findMany('verification', { where, sortBy, limit: 2, offset: 1 })
      expect(found.map(({ value }) => value)).toEqual(['b', 'a'])
    })

    test('instants, numbers, nothing and no id at all are compared as what they are', async () => {
      const person = await logins().create('user', user())
      const where = (field: string, operator: LoginCondition['operator'], value: LoginValue) =>
        logins().count('user', [is('id', person['id'] ?? ''), { field, operator, value }])
      expect(await where('createdAt', 'gt', new Date(at - 1))).toBe(1)
      expect(await where('createdAt', 'lt', new Date(at))).toBe(0)
      expect(await where('createdAt', 'lte', new Date(at))).toBe(1)
      expect(await where('image', 'eq', null)).toBe(1)
      expect(await where('image', 'ne', null)).toBe(0)
      expect(await where('emailVerified', 'eq', false)).toBe(1)
      expect(await where('id', 'eq', "'; DROP TABLE x; --")).toBe(0)
      expect(await where('id', 'ne', 'no-id')).toBe(1)
    })

    test('change, and answer what they are then', async () => {
      const person = await logins().create('user', user())
      const where = [is('id', person['id'] ?? '')]
      const changes = { name: 'Bo', emailVerified: true }
      expect(await logins().update('user', where, changes)).toEqual([{ ...person, ...changes }])
      expect(await logins().update('user', where, {})).toEqual([{ ...person, ...changes }])
      expect(await logins().update('user', [is('id', newId(at))], changes)).toEqual([])
    })

    test('are removed, and taken by one', async () => {
      const identifier = newId(at)
      for (const value of ['a', 'b', 'c', 'd'])
        await logins().create('verification', verification(identifier, value))
      const where = [is('identifier', identifier)]
      const taken = await Promise.all(
        [1, 2].map(() => logins().take('verification', [...where, is('value', 'a')])),
      )
      expect(taken.filter((record) => record !== null)).toMatchObject([{ value: 'a' }])
      expect(await logins().take('verification', where)).not.toBeNull()
      expect(await logins().delete('verification', where)).toBe(2)
      expect(await logins().count('verification', where)).toBe(0)
      expect(await logins().take('verification', where)).toBeNull()
    })

    test('have the fields that they have, and no way to others', async () => {
      for (const field of [
        'hashed_token',
        'disabled_at',
        'disabledAt',
        '__proto__',
        'constructor',
        'id; --',
        '',
      ]) {
        await expect(logins().findOne('user', [is(field, 'x')]), field).rejects.toBeInstanceOf(TypeError)
        await expect(logins().update('user', [], { [field]: 'x' }), field).rejects.toBeInstanceOf(TypeError)
        await expect(
          logins().findMany('user', { sortBy: { field, direction: 'asc' } }),
          field,
        ).rejects.toBeInstanceOf(TypeError)
      }
    })

    test('two users cannot have one address', async () => {
      const person = await logins().create('user', user())
      await expect(logins().create('user', user({ email: person['email'] ?? '' }))).rejects.toMatchObject({
        code: 'statement_failed',
      })
    })
  })
}
