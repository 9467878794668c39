import { NextResponse } from 'next/server'
import { postern } from './postern'

export const proxy = postern.proxy({
  // As clerkMiddleware does: it adds to the request, which it rewrites to where it goes anyway, or sends the browser to
  // the login.
  otherwise: (request) => {
    const headers = new Headers(request.headers)
    headers.set('x-other-proxy', 'was here')
    headers.set('x-mmm-service-user', 'evil')
    if (request.nextUrl.pathname.startsWith('/people/') && !request.headers.has('cookie'))
      return NextResponse.redirect(new URL('/login', request.url))
    const response = request.headers.has('cookie')
      ? NextResponse.rewrite(request.url, { request: { headers } })
      : NextResponse.next({ request: { headers } })
    response.headers.set('x-other-answer', 'yes')
    response.headers.set('x-postern-principal', 'evil')
    return response
  },
})

export const config = { matcher: '/((?!api/wrapped/).*)' }
