import { postern } from '../../../postern'
import { ran } from '../../../runs'
import { events } from '../../../stream'

export async function GET(request: Request) {
  await postern.requireServiceUser(request)
  ran('events')
  return events(request)
}
