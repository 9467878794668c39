import { createAdapterFactory, type CleanedWhere, type CustomAdapter } from 'better-auth/adapters'
import type {
  LoginCondition,
  LoginModel,
  LoginRecord,
  LoginRecords,
  LoginValue,
} from '../../domain/people-store.ts'

/** Better Auth's records in our own store. */
export function createRecordsAdapter(records: LoginRecords) {
  const methods = methodsOf(records)
  return createAdapterFactory({
    config: {
      adapterId: 'postern',
      adapterName: 'Postern',
      supportsDates: true,
      supportsBooleans: true,
      supportsNumericIds: false,
      // Each statement stands by itself; what has to happen together is in the store of people.
      transaction: false,
    },
    // Each method promises its caller's own type, which only the caller can know.
    adapter: () => methods as unknown as CustomAdapter,
  })
}

interface Target {
  model: string
  where: readonly CleanedWhere[]
}

interface Query extends Partial<Target> {
  model: string
  limit: number
  offset?: number | undefined
  sortBy?: { field: string; direction: 'asc' | 'desc' } | undefined
}

function methodsOf(records: LoginRecords) {
  return {
    create: ({ model, data }: { model: string; data: object }) =>
      records.create(modelOf(model), recordOf(data)),
    findOne: ({ model, where }: Target) => records.findOne(modelOf(model), conditionsOf(where)),
    findMany: ({ model, where, limit, offset, sortBy }: Query) =>
      records.findMany(modelOf(model), {
        limit,
        ...(where === undefined ? {} : { where: conditionsOf(where) }),
        ...(offset === undefined ? {} : { offset }),
        ...(sortBy === undefined ? {} : { sortBy }),
      }),
    async update({ model, where, update }: Target & { update: object }) {
      const [updated] = await records.update(modelOf(model), conditionsOf(where), recordOf(update))
      return updated ?? null
    },
    updateMany: async ({ model, where, update }: Target & { update: object }) =>
      (await records.update(modelOf(model), conditionsOf(where), recordOf(update))).length,
    async delete({ model, where }: Target) {
      await records.delete(modelOf(model), conditionsOf(where))
    },
    deleteMany: ({ model, where }: Target) => records.delete(modelOf(model), conditionsOf(where)),
    // What may be used once (a state, a challenge) goes to one of several who come at the same moment.
    consumeOne: ({ model, where }: Target) => records.take(modelOf(model), conditionsOf(where)),
    count: ({ model, where = [] }: Partial<Target> & { model: string }) =>
      records.count(modelOf(model), conditionsOf(where)),
  } satisfies Record<keyof Omit<CustomAdapter, 'createSchema' | 'options' | 'incrementOne'>, unknown>
}

const models: readonly string[] = [
  'user',
  'session',
  'account',
  'verification',
  'passkey',
] satisfies LoginModel[]

function modelOf(name: string): LoginModel {
  if (!models.includes(name)) throw new TypeError(`nothing is kept of ${name}`)
  return name as LoginModel
}

function conditionsOf(where: readonly CleanedWhere[]): LoginCondition[] {
  return where.map(({ field, operator, value, connector, mode }) => ({
    field,
    operator: operator ?? 'eq',
    // Empty lists of texts and of numbers are one to the store.
    value: value as LoginCondition['value'],
    connector: connector ?? 'AND',
    isInsensitive: mode === 'insensitive',
  }))
}

/** The library's types say nothing of what a record holds; the store refuses what it doesn't know. */
function recordOf(data: object): LoginRecord {
  const record: LoginRecord = {}
  for (const [name, value] of Object.entries(data))
    if (value !== undefined) record[name] = value as LoginValue
  return record
}
