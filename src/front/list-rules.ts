import type { Route } from '../config.ts'
import { decideTool, hasToolLimits } from '../domain/grant.ts'
import type { Allowed } from '../domain/verdict.ts'
import type { ListRules } from '../mcp/list-cuts.ts'
import { listMethods } from '../mcp/list-filter.ts'
import type { McpBody } from '../mcp/read-calls.ts'
import type { ToolPolicy } from '../verify/authorize.ts'

/**
 * By what the lists in an answer are filtered, with the very decision that is made about calls; null where there is
 * nothing to filter: the caller may call everything, or the request asks for no list. What a GET brings may be the reply
 * to any request: in the first revision all replies come there, and later what a resumed stream repeats.
 */
export function listRulesFor(
  { grants }: Pick<Allowed, 'grants'>,
  { tools }: Pick<Route, 'tools'>,
  { denyToolsByDefault }: ToolPolicy,
  asked: { httpMethod: string; calls: McpBody | null },
): ListRules | null {
  if (!hasToolLimits(grants, tools, denyToolsByDefault)) return null
  const { httpMethod, calls } = asked
  const asksForLists =
    httpMethod === 'GET' ||
    calls?.messages.some(({ method }) => method !== null && listMethods.has(method)) === true
  if (!asksForLists) return null
  return {
    mayAsk: (entry) => decideTool(grants, tools, denyToolsByDefault, entry) === 'allowed',
    isModern: calls?.isModern ?? false,
  }
}
