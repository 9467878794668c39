import { NextResponse } from 'next/server'
import { postern } from './postern.ts'

const gate = postern.proxy()

/** Everything goes through the gate; a person without a session is shown where to sign in. */
export async function proxy(...given: Parameters<typeof gate>) {
  const answer = await gate(...given)
  const [request] = given
  const isPage = request.headers.get('accept')?.includes('text/html') === true
  if (answer?.status === 401 && isPage && !request.nextUrl.pathname.startsWith('/api/'))
    return NextResponse.redirect(new URL('/sign-in', request.url), 303)
  return answer
}

export const config = { matcher: '/:path*' }
