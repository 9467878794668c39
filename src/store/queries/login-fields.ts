import type { LoginModel, LoginRecord, LoginValue } from '../../domain/people-store.ts'
import { instant } from '../database.ts'
import type { Row, Value } from '../database.ts'

/** A field of a model of Better Auth and the column that holds it. */
export interface LoginField {
  column: string
  type: 'id' | 'text' | 'number' | 'boolean' | 'instant'
}

/** A model and the table that holds it. */
export interface LoginTable {
  table: string
  fields: Readonly<Record<string, LoginField>>
  /** What its rows must be to be there at all. */
  isThere: string
}

const made = { createdAt: field('created_at', 'instant'), updatedAt: field('updated_at', 'instant') }

/** The models of Better Auth 1.7 and its passkey plugin. */
export const loginTables: Readonly<Record<LoginModel, LoginTable>> = {
  user: {
    table: 'postern.people',
    isThere: 'disabled_at IS NULL',
    fields: {
      id: field('id', 'id'),
      email: field('email', 'text'),
      name: field('name', 'text'),
      role: field('role', 'text'),
      emailVerified: field('email_verified', 'boolean'),
      image: field('image', 'text'),
      ...made,
    },
  },
  session: {
    table: 'postern.sessions',
    isThere: 'true',
    fields: {
      id: field('id', 'id'),
      userId: field('user_id', 'id'),
      token: field('token', 'text'),
      expiresAt: field('expires_at', 'instant'),
      ipAddress: field('ip_address', 'text'),
      userAgent: field('user_agent', 'text'),
      ...made,
    },
  },
  account: {
    table: 'postern.accounts',
    isThere: 'true',
    fields: {
      id: field('id', 'id'),
      userId: field('user_id', 'id'),
      providerId: field('provider_id', 'text'),
      accountId: field('account_id', 'text'),
      accessToken: field('access_token', 'text'),
      refreshToken: field('refresh_token', 'text'),
      idToken: field('id_token', 'text'),
      accessTokenExpiresAt: field('access_token_expires_at', 'instant'),
      refreshTokenExpiresAt: field('refresh_token_expires_at', 'instant'),
      scope: field('scope', 'text'),
      password: field('password', 'text'),
      ...made,
    },
  },
  verification: {
    table: 'postern.verifications',
    isThere: 'true',
    fields: {
      id: field('id', 'id'),
      identifier: field('identifier', 'text'),
      value: field('value', 'text'),
      expiresAt: field('expires_at', 'instant'),
      ...made,
    },
  },
  passkey: {
    table: 'postern.passkeys',
    isThere: 'true',
    fields: {
      id: field('id', 'id'),
      userId: field('user_id', 'id'),
      name: field('name', 'text'),
      publicKey: field('public_key', 'text'),
      credentialID: field('credential_id', 'text'),
      counter: field('counter', 'number'),
      deviceType: field('device_type', 'text'),
      backedUp: field('backed_up', 'boolean'),
      transports: field('transports', 'text'),
      aaguid: field('aaguid', 'text'),
      createdAt: field('created_at', 'instant'),
    },
  },
}

function field(column: string, type: LoginField['type']): LoginField {
  return { column, type }
}

/** Throws a `TypeError` for a field that the model hasn't. */
export function fieldOf(model: LoginModel, name: string): LoginField {
  const { fields } = loginTables[model]
  const found = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (found === undefined) throw new TypeError(`the model ${model} has no field of this name`)
  return found
}

/** A value as a statement's parameter. */
export function parameterOf(value: LoginValue): Value {
  return value instanceof Date ? instant(value.getTime()) : value
}

/** A record from all columns of its row. */
export function recordOf(model: LoginModel, row: Row): LoginRecord {
  const record: LoginRecord = {}
  for (const [name, { column, type }] of Object.entries(loginTables[model].fields)) {
    const value = row[column] as string | number | boolean | null
    record[name] = type === 'instant' && typeof value === 'number' ? new Date(value) : value
  }
  return record
}
