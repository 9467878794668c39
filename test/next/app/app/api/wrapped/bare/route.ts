import { CallerRefused } from 'postern/next'
import { postern } from '../../../../postern'
import { ran } from '../../../../runs'

/** No proxy stands in front of it, and nothing wraps it: as if the proxy had been bypassed. */
export async function GET(request: Request) {
  const url = new URL(request.url)
  const caller = await postern.requireServiceUser(request, {
    route: url.searchParams.get('route') ?? undefined,
  })
  ran('bare')
  return Response.json(caller)
}

export async function POST(request: Request) {
  try {
    await postern.requireServiceUser(request)
  } catch (error) {
    if (error instanceof CallerRefused) return error.response()
    throw error
  }
  ran('bare')
  return Response.json({})
}
