import { postern } from '../../../postern'
import { ran } from '../../../runs'

export async function POST(request: Request) {
  await postern.requireServiceUser(request)
  ran('upload')
  return Response.json({ bytes: (await request.arrayBuffer()).byteLength })
}
