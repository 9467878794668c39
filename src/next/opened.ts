import type { Route } from '../config.ts'
import { newId } from '../domain/id.ts'
import type { RouteTable } from '../front/routes.ts'
import type { AppRequest } from './front.ts'
import type { Node } from './node.ts'
import { refusalResponse } from './refusal.ts'

/** What passes: a database that is away, or a process that is about to give the data directory back. */
const passing: readonly unknown[] = ['store_unavailable', 'directory_locked']

/**
 * The process's Postern, or the answer to a request for which it can't be opened at present. What a person has to
 * mend is thrown: Next logs it, and answers 500.
 */
export async function opened(
  request: AppRequest,
  { use, routes }: { use: () => Promise<Node>; routes: RouteTable<Route> },
): Promise<Node | Response> {
  try {
    return await use()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && passing.includes(error.code))) throw error
    const { pathname } = request.nextUrl ?? new URL(request.url)
    const route = routes.match(pathname)
    return refusalResponse('store_unavailable', {
      isMcp: route !== null && route !== 'ambiguous' && route.mcp,
      requestId: newId(Date.now()),
      rpcId: null,
      credentialKind: null,
    })
  }
}
