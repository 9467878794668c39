import { postern } from '../../../../postern'
import { ran } from '../../../../runs'

export const GET = postern.withPostern((_request, _context, caller) => {
  ran('wrapped/people')
  return Response.json(caller?.principal)
})
