import { release } from '../../../stream'

export function POST(request: Request) {
  return Response.json({ released: release(new URL(request.url).searchParams.get('name') ?? '') })
}
