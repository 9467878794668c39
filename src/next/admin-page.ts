import { createAdminHandler, type AdminHandler } from '../admin/handler.ts'
import { hostAccess, hostedSignIn, type Authorize } from '../admin/hosted.ts'
import type { Node } from './node.ts'

export interface AdminPageOptions {
  /** Says who may use the page, and as what; null for whoever may not. It is asked for each request to its API. */
  authorize: Authorize
}

/** What `app/admin/api-keys/[[...path]]/route.ts` exports. */
export interface AdminPage {
  GET: PageHandler
  POST: PageHandler
  PATCH: PageHandler
  DELETE: PageHandler
}

type PageHandler = (request: Request, context: PageContext) => Promise<Response>

interface PageContext {
  params: Promise<Readonly<Record<string, string | string[] | undefined>>>
}

/** The page and its API as the route handlers of an optional catch-all, wherever in the app it lies. */
export function createAdminPage({
  authorize,
  use,
}: AdminPageOptions & { use: () => Promise<Node> }): AdminPage {
  async function handle(request: Request, context: PageContext): Promise<Response> {
    const mount = mountOf(request.url, await context.params)
    let node: Node
    try {
      node = await use()
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && passing.includes(error.code))) throw error
      return Response.json(
        { type: 'about:blank', title: 'Service Unavailable', status: 503, code: 'store_unavailable' },
        { status: 503, headers: { 'content-type': 'application/problem+json', 'retry-after': '1' } },
      )
    }
    return unbuffered(await handlerOf(node)(request, mount, null))
  }

  let made: { node: Node; handler: AdminHandler } | null = null
  /** Again where the app was edited in development, and what it ran with has ended. */
  function handlerOf(node: Node): AdminHandler {
    if (made?.node !== node) {
      const api = node.postern.adminFor(hostAccess(authorize))
      made = { node, handler: createAdminHandler({ api, signIn: hostedSignIn }) }
    }
    return made.handler
  }

  return { GET: handle, POST: handle, PATCH: handle, DELETE: handle }
}

/** What passes: a database that is away, or a process that is about to give the data directory back. */
const passing: readonly unknown[] = ['store_unavailable', 'directory_locked']

/** The path without what the catch-all took of it: the app may have it anywhere, and under a base path of its own. */
function mountOf(url: string, params: Awaited<PageContext['params']>): string {
  const taken = Object.values(params).find((value) => Array.isArray(value))?.length ?? 0
  const segments = new URL(url).pathname.split('/').filter((segment) => segment !== '')
  return segments
    .slice(0, segments.length - taken)
    .map((segment) => `/${segment}`)
    .join('')
}

/** Compression on the way would hold events back. */
function unbuffered(response: Response): Response {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') === true)
    response.headers.set('cache-control', 'no-store, no-transform')
  return response
}
