import type { Config, Route } from '../config.ts'
import type { Principal } from '../domain/verdict.ts'
import type { RouteTable } from '../front/routes.ts'
import { recordAnswer } from './answer-record.ts'
import { listRulesFor } from '../front/list-rules.ts'
import { filterAnswer } from './filtered-answer.ts'
import { createGate } from './gate.ts'
import { giveRequest } from './given-request.ts'
import { createAppIdentity } from './identity.ts'
import type { Node } from './node.ts'
import { opened } from './opened.ts'
import { finishThrown } from './thrown.ts'

/** What a wrapped handler is told besides the request; null on a public route. */
export interface Caller {
  principal: Principal
  /** The id of the service key; null for other credentials. */
  keyId: string | null
}

/** A route handler of Next, told who calls. */
export type Handler<Context> = (
  request: Request,
  context: Context,
  caller: Caller | null,
) => Response | Promise<Response>

/** What a route file exports. */
export type RouteHandler<Context> = (request: Request, context: Context) => Promise<Response>

export interface WrapperOptions {
  /** The path of the route in the settings; without it the request's own path finds its route. */
  route?: string
}

/**
 * Wraps a handler whole, for a route that no proxy stands in front of: who calls is known before the handler runs,
 * and its row, with outcome and duration, is committed before the first byte of its answer leaves.
 */
export function createWrapper(
  config: Config,
  options: WrapperOptions & {
    routes: RouteTable<Route>
    use: () => Promise<Node>
    /** Keeps the process until a promise settles, after the answer. */
    after: (promise: Promise<unknown>) => Promise<void>
  },
): <Context>(handler: Handler<Context>) => RouteHandler<Context> {
  const own = options.route === undefined ? null : routeNamed(config, options.route)
  const gate = createGate({
    config,
    routeOf: (path) => own ?? options.routes.match(path),
    bodyOf: (request) => request.body,
  })
  const identity = createAppIdentity(config.headers.serviceUser)

  return (handler) => async (request, context) => {
    const node = await opened(request, options)
    if (node instanceof Response) return node
    const judged = await gate.judge(request, node)
    if (judged.kind === 'answered') return judged.response
    if (judged.kind === 'refused') {
      await options.after(node.drained())
      return judged.response
    }
    if (judged.kind === 'public')
      return handler(giveRequest(request, { identity, node, caller: null, body: null }), context, null)

    const { allowed, route, passage, begun, body } = judged
    const given = giveRequest(request, { identity, node, caller: { allowed, route }, body })
    const caller = { principal: allowed.principal, keyId: allowed.keyId }
    const durationMs = () => gate.elapsedMs(passage.arrival)
    let answer: Response
    try {
      answer = await handler(given, context, caller)
    } catch (error) {
      return await finishThrown(error, { begun, passage, durationMs })
    }
    const asked = { httpMethod: request.method, calls: passage.calls }
    const rules = route.mcp ? listRulesFor(allowed, route, config.policy, asked) : null
    const filtered =
      rules === null ? { answer, reason: () => null } : await filterAnswer(answer, rules, passage)
    return recordAnswer(filtered.answer, {
      begun,
      passage,
      durationMs,
      reason: filtered.reason,
      isHead: request.method === 'HEAD',
      onStream: (ended) => options.after(ended.then(node.drained)),
    })
  }
}

function routeNamed(config: Config, path: string): Route {
  const route = config.routes.find((each) => each.path === path)
  if (route === undefined) throw new TypeError(`there is no route ${JSON.stringify(path)} in the settings`)
  return route
}
