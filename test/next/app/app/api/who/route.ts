import { postern } from '../../../postern'
import { ran } from '../../../runs'

async function who(request: Request) {
  const caller = await postern.requireServiceUser(request)
  ran('who')
  return Response.json(caller)
}

export { who as DELETE, who as GET, who as OPTIONS, who as PATCH, who as POST, who as PUT }
