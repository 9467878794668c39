import { postern } from '../../../../postern'
import { ran } from '../../../../runs'

export const GET = postern.withPostern((request, _context, caller) => {
  ran('wrapped/jobs')
  return Response.json({ ...caller?.principal, authorization: request.headers.get('authorization') })
})
