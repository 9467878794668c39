import { postern } from '../../../postern'
import { ran } from '../../../runs'

export async function POST(request: Request) {
  const caller = await postern.requireServiceUser(request)
  ran('mcp')
  const call = await request.json()
  return Response.json({
    jsonrpc: '2.0',
    id: call.id ?? null,
    result: { caller: caller.id, tool: call.params?.name },
  })
}
