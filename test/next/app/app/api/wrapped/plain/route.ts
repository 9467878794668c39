import { headers } from 'next/headers'
import { postern } from '../../../../postern'
import { ran } from '../../../../runs'

const handler = postern.withPostern(async (request, _context, caller) => {
  ran('wrapped/plain')
  // It says the same, whichever is asked.
  const asserted = await postern.requireServiceUser(request)
  return Response.json({
    caller: caller?.principal.id,
    asserted: asserted.id,
    headers: [...request.headers],
    // What Next itself tells, without the request.
    ofNext: [...(await headers())],
  })
})

export { handler as GET, handler as POST }
