import type { QueryClient } from '@tanstack/react-query'
import { keyQuery } from '../api/queries.ts'
import { change } from '../api/request.ts'
import type { KeyEdit, ShownKeyJson } from '../api/types.ts'
import type { Versioned } from './use-versioned-edit.ts'

/** What a form edits of a key, at the version that it was read at, with who changed it last. */
export function versionOf<Shape>(
  shown: ShownKeyJson,
  etag: string | null,
  partOf: (shown: ShownKeyJson) => Shape,
): Versioned<Shape> {
  const last = shown.history[0]
  return {
    value: partOf(shown),
    etag: etag ?? `"${shown.version}"`,
    ...(last === undefined ? {} : { by: { actor: last.actor, at: last.at } }),
  }
}

/** The key as it is now, past what was read before. */
export async function readKey(queries: QueryClient, id: string): Promise<[ShownKeyJson, string | null]> {
  const { value, etag } = await queries.fetchQuery({ ...keyQuery(id), staleTime: 0 })
  return [value, etag]
}

/** Changes the key, unless somebody else did since `ifMatch`; answers what it has become. */
export async function editKey(id: string, edit: KeyEdit, ifMatch: string | null): Promise<ShownKeyJson> {
  return await change<ShownKeyJson>('PATCH', `/keys/${id}`, edit, { ifMatch })
}
