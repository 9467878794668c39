import { runs } from '../../../runs'

export const dynamic = 'force-dynamic'

export function GET() {
  return Response.json(runs())
}
