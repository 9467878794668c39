import { isId } from '../../domain/id.ts'
import type { LoginCondition, LoginModel, LoginRecord, LoginRecords } from '../../domain/people-store.ts'
import { textArray } from '../array.ts'
import type { Database, Queries, Value } from '../database.ts'
import { fieldOf, loginTables, parameterOf, recordOf } from './login-fields.ts'
import type { LoginField } from './login-fields.ts'

/** Takes a value among the statement's, and answers how it is written there. */
type Parameter = (value: Value) => string

function parameters(): { values: Value[]; parameter: Parameter } {
  const values: Value[] = []
  return { values, parameter: (value) => `$${values.push(value)}` }
}

/** Statements about what the sign-in library keeps. */
export function loginQueries(database: Database): LoginRecords {
  const find: LoginRecords['findMany'] = async (model, { where = [], limit, offset, sortBy }) => {
    const { values, parameter } = parameters()
    const order =
      sortBy === undefined
        ? 'id'
        : `${fieldOf(model, sortBy.field).column} ${sortBy.direction === 'desc' ? 'DESC' : 'ASC'}, id`
    const rows = await database.query(
      `SELECT * FROM ${loginTables[model].table} WHERE ${conditionOf(model, where, parameter)} ORDER BY ${order}
       ${limit === undefined ? '' : `LIMIT ${parameter(limit)}`}
       ${offset === undefined ? '' : `OFFSET ${parameter(offset)}`}`,
      values,
    )
    return rows.map((row) => recordOf(model, row))
  }

  return {
    create: (model, record) => insertRecord(database, model, record),

    findOne: async (model, where) => (await find(model, { where, limit: 1 }))[0] ?? null,

    findMany: find,

    update: async (model, where, changes) => {
      const { values, parameter } = parameters()
      const sets = Object.entries(changes).map(
        ([name, value]) => `${fieldOf(model, name).column} = ${parameter(parameterOf(value))}`,
      )
      if (sets.length === 0) return find(model, { where })
      const rows = await database.query(
        `UPDATE ${loginTables[model].table} SET ${sets.join(', ')}
         WHERE ${conditionOf(model, where, parameter)} RETURNING *`,
        values,
      )
      return rows.map((row) => recordOf(model, row))
    },

    take: async (model, where) => {
      const { values, parameter } = parameters()
      const { table } = loginTables[model]
      const condition = conditionOf(model, where, parameter)
      // Whoever waited for the row's lock finds it gone.
      const rows = await database.query(
        `DELETE FROM ${table} WHERE id = (SELECT id FROM ${table} WHERE ${condition} ORDER BY id LIMIT 1 FOR UPDATE)
         RETURNING *`,
        values,
      )
      return rows[0] === undefined ? null : recordOf(model, rows[0])
    },

    delete: async (model, where) => {
      const { values, parameter } = parameters()
      const rows = await database.query(
        `DELETE FROM ${loginTables[model].table} WHERE ${conditionOf(model, where, parameter)} RETURNING id`,
        values,
      )
      return rows.length
    },

    count: async (model, where) => {
      const { values, parameter } = parameters()
      const [row] = await database.query<{ count: number }>(
        `SELECT count(*)::integer AS count FROM ${loginTables[model].table}
         WHERE ${conditionOf(model, where, parameter)}`,
        values,
      )
      return row?.count ?? 0
    },
  }
}

/** Writes one record; answers it as it was written. */
export async function insertRecord(
  queries: Queries,
  model: LoginModel,
  record: LoginRecord,
): Promise<LoginRecord> {
  const { values, parameter } = parameters()
  const columns = Object.keys(record).map((name) => fieldOf(model, name).column)
  const items = Object.values(record).map((value) => parameter(parameterOf(value)))
  const [row] = await queries.query(
    `INSERT INTO ${loginTables[model].table} (${columns.join(', ')}) VALUES (${items.join(', ')}) RETURNING *`,
    values,
  )
  return recordOf(model, row ?? {})
}

function conditionOf(model: LoginModel, where: readonly LoginCondition[], parameter: Parameter): string {
  const conditions = (connector: 'AND' | 'OR'): string[] =>
    where
      .filter((each) => (each.connector ?? 'AND') === connector)
      .map((each) => comparison(fieldOf(model, each.field), each, parameter))
  const all = [loginTables[model].isThere, ...conditions('AND')]
  const some = conditions('OR')
  return [...all, ...(some.length === 0 ? [] : [`(${some.join(' OR ')})`])].join(' AND ')
}

const casts: Record<LoginField['type'], string> = {
  id: 'uuid',
  text: 'text',
  number: 'bigint',
  boolean: 'boolean',
  instant: 'timestamptz',
}

const comparisons = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const

function comparison(field: LoginField, condition: LoginCondition, parameter: Parameter): string {
  const { operator, value, isInsensitive = false } = condition
  const { column, type } = field
  if (operator === 'in' || operator === 'not_in') {
    const list = Array.isArray(value) ? (value as readonly (string | number)[]).map(String) : [String(value)]
    const isIn = `${column}::text = ANY (${parameter(textArray(list))}::text[])`
    return operator === 'in' ? isIn : `NOT ${isIn}`
  }
  if (value !== null && typeof value === 'object' && !(value instanceof Date))
    throw new TypeError('only `in` and `not_in` take a list')
  if (value === null) return `${column} IS ${operator === 'ne' ? 'NOT ' : ''}NULL`
  if (operator === 'contains' || operator === 'starts_with' || operator === 'ends_with') {
    const literal = String(value).replaceAll(/[\\%_]/g, '\\$&')
    const pattern = `${operator === 'starts_with' ? '' : '%'}${literal}${operator === 'ends_with' ? '' : '%'}`
    return `${column}::text ${isInsensitive ? 'ILIKE' : 'LIKE'} ${parameter(pattern)}`
  }
  // What is no id is no row's.
  if (type === 'id' && !(typeof value === 'string' && isId(value)))
    return operator === 'ne' ? 'true' : 'false'
  const item = `${parameter(parameterOf(value))}::${casts[type]}`
  return isInsensitive && type === 'text'
    ? `lower(${column}) ${comparisons[operator]} lower(${item})`
    : `${column} ${comparisons[operator]} ${item}`
}
