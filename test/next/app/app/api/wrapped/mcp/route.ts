import { postern } from '../../../../postern'
import { ran } from '../../../../runs'

export const POST = postern.withPostern(async (request, _context, caller) => {
  ran('wrapped/mcp')
  const call = await request.json()
  return Response.json({
    jsonrpc: '2.0',
    id: call.id ?? null,
    result: { caller: caller?.principal.id, tool: call.params?.name, headers: [...request.headers] },
  })
})
