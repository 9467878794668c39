import { createMcpHandler } from '@modelcontextprotocol/server'
import { createServer } from '../../../mcp/tools.ts'
import { postern } from '../../../postern.ts'

/** The MCP endpoint. Who calls is known from the assertion that the proxy made. */
async function answer(request: Request): Promise<Response> {
  const { id } = await postern.requireServiceUser(request)
  return createMcpHandler(() => createServer(id)).fetch(request)
}

export { answer as DELETE, answer as GET, answer as POST }
