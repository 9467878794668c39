import { postern } from '../../../postern'
import { ran } from '../../../runs'

export async function GET(request: Request) {
  const caller = await postern.requirePrincipal(request)
  ran('api/people')
  return Response.json(caller)
}
