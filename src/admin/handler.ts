import { adminBasePath } from './api.ts'
import { pageResponse } from './page/page.ts'
import { problemResponse, RequestRefused } from './problem.ts'

/**
 * Answers what lies under a mount: a path such as `/admin/api-keys`, without a slash at its end. `address` is the
 * client's, where the host knows it.
 */
export type AdminHandler = (request: Request, mount: string, address: string | null) => Promise<Response>

export interface AdminHandlerParts {
  /** The JSON API, at its default mount. */
  api: (request: Request) => Promise<Response>
  /** How people sign in, given the path below the mount and who asks; null for what is no part of it. */
  signIn: (request: Request, path: string, address: string | null) => Promise<Response | null>
}

/** The page, its API and people's sign-in, as the one handler that any host can mount. */
export function createAdminHandler({ api, signIn }: AdminHandlerParts): AdminHandler {
  return async (request, mount, address) => {
    const { pathname } = new URL(request.url)
    if (pathname !== mount && !pathname.startsWith(`${mount}/`)) return problemResponse(noRoute())
    const path = pathname.slice(mount.length)
    if (path !== '/api' && !path.startsWith('/api/')) return pageResponse(request, mount)
    return (
      (await signIn(request, path, address)) ?? api(mount === adminBasePath ? request : moved(request, path))
    )
  }
}

/** The same request, as if the page were mounted where it is by default. */
function moved(request: Request, path: string): Request {
  const url = new URL(request.url)
  url.pathname = adminBasePath + path
  return new Request(url, request)
}

function noRoute(): RequestRefused {
  return new RequestRefused(404, 'no_route', 'Nothing is here.')
}
