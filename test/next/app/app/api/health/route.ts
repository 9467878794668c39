export const dynamic = 'force-dynamic'

export function GET(request: Request) {
  return Response.json({ headers: Object.fromEntries(request.headers) })
}
