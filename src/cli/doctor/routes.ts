import { type Route, shadowOf } from '../../config/route.ts'
import type { Finding } from './finding.ts'

/** Keys have no second factor and no person behind them: they are no way into a browser's route (which-path.md). */
export function checkBrowserRoutes(routes: readonly Route[]): Finding | null {
  const check = 'routes'
  if (routes.length === 0) return null
  const mixed = routes.filter(({ accepts }) => accepts.includes('session') && accepts.includes('service-key'))
  if (mixed.length === 0) return { check, level: 'ok', message: "no browser's route takes service keys" }
  const message = `${pathsOf(mixed)}: for browsers (session), and takes service keys too; make it two routes, one for each`
  return { check, level: 'warning', message }
}

/** A public route asks for nothing and leaves no trail, which under an API is seldom meant. */
export function checkPublicRoutes(routes: readonly Route[]): Finding | null {
  const check = 'public'
  if (routes.length === 0) return null
  const open = routes.filter((route, index) => route.public && isInApi(route, index, routes))
  if (open.length === 0) return { check, level: 'ok', message: 'no public route lies in an API' }
  const message = `${pathsOf(open)}: public, and in an API: anyone may call it, and no call is recorded; say what it accepts, unless it is meant so`
  return { check, level: 'warning', message }
}

/** Under `/api`, over all of it, or carved out of a later route for servers or agents. */
function isInApi({ path }: Route, index: number, routes: readonly Route[]): boolean {
  if (shadowOf(path, ['/api', '/api/*']) !== null) return true
  const earlier = routes.slice(0, index).map((route) => route.path)
  if (shadowOf('/api/*', [path]) !== null && shadowOf('/api/*', earlier) === null) return true
  return routes
    .slice(index + 1)
    .some((later) => later.path !== '/*' && isForPrograms(later) && shadowOf(path, [later.path]) !== null)
}

function isForPrograms({ accepts }: Route): boolean {
  return accepts.includes('service-key') || accepts.includes('jwt')
}

function pathsOf(routes: readonly Route[]): string {
  return routes.map(({ path }) => path).join(', ')
}
