import { postern } from '../../../../postern'
import { events } from '../../../../stream'

export const GET = postern.withPostern((request) => events(request))
