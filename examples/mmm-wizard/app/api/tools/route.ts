import { z } from 'zod'
import { tools } from '../../../mcp/tools.ts'
import { postern } from '../../../postern.ts'

/** The tools, as MCP lists them. */
export async function GET(request: Request): Promise<Response> {
  await postern.requireServiceUser(request)
  return Response.json(
    tools.map(({ name, description, input }) => ({
      name,
      description,
      inputSchema: z.toJSONSchema(input, { io: 'input' }),
    })),
  )
}
