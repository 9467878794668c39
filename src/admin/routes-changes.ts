import { describe } from './describe.ts'
import type { AdminApi } from './guard.ts'
import { historyJson } from './json.ts'
import { changeSchema, changesQuery } from './schemas-changes.ts'
import { pageOf } from './schemas-common.ts'
import { query } from './valid.ts'

/** The route about what was done, and by whom. */
export function changeRoutes(api: AdminApi): void {
  api.get(
    '/changes',
    describe({
      summary: 'List what was done to a service user or a service key, newest first',
      needs: 'read',
      status: 200,
      answer: pageOf(changeSchema),
      refusals: [400, 404],
    }),
    query(changesQuery),
    async (c) => {
      const changes = await c.get('rooms').changesOf(c.req.valid('query').subject.toLowerCase())
      return c.json({ data: historyJson(changes), nextCursor: null })
    },
  )
}
