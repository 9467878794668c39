import { postern } from '../../../postern'
import { ran } from '../../../runs'

export async function GET(request: Request) {
  const caller = await postern.requirePrincipal(request)
  ran('jobs')
  return Response.json({ ...caller, authorization: request.headers.get('authorization') })
}
