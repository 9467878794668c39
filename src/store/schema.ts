import type { Database, Queries } from './database.ts'

const namePattern = /^[a-z_][a-z0-9_]{0,62}$/

/** The schema's name as SQL takes it. Throws a `TypeError` for a name that isn't `[a-z_][a-z0-9_]*`. */
export function quoteSchema(schema: string): string {
  if (!namePattern.test(schema))
    throw new TypeError('a schema name is lower-case letters, digits and _, not starting with a digit')
  return `"${schema}"`
}

/**
 * The same database, with `postern.` in every statement read as the given schema: search_path is a session's
 * state, which a connection pooler doesn't keep.
 */
export function inSchema(database: Database, schema: string): Database {
  const prefix = `${quoteSchema(schema)}.`
  const known = new Map<string, string>()
  function placed(text: string): string {
    let result = known.get(text)
    if (result === undefined) {
      result = text.replaceAll('postern.', prefix)
      known.set(text, result)
    }
    return result
  }
  const placeAll = (queries: Queries): Queries => ({
    query: (text, values, options) => queries.query(placed(text), values, options),
    script: (text) => queries.script(placed(text)),
  })
  return {
    ...placeAll(database),
    engine: database.engine,
    read: (text, values) => database.read(placed(text), values),
    transaction: (work) => database.transaction((queries) => work(placeAll(queries))),
    close: () => database.close(),
  }
}
