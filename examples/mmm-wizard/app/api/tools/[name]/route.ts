import { tools } from '../../../../mcp/tools.ts'
import { postern } from '../../../../postern.ts'

/** Runs a tool for the service user that the header names, once the assertion has proved it. */
export async function POST(
  request: Request,
  { params }: { params: Promise<{ name: string }> },
): Promise<Response> {
  await postern.requireServiceUser(request)
  const { name } = await params
  const tool = tools.find((each) => each.name === name)
  if (tool === undefined) return refused(404, 'unknown_tool')
  const given = tool.input.safeParse(await request.json().catch(() => null))
  if (!given.success) return refused(400, 'arguments_invalid')
  return Response.json({
    ...tool.run(given.data as never),
    askedBy: request.headers.get('x-mmm-service-user'),
  })
}

function refused(status: number, code: string): Response {
  return Response.json({ status, code }, { status })
}
