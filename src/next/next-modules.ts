/** What is taken of Next, which is the app's own: it is not installed beside these sources. */

/** `NextResponse`, as far as it is needed. */
export interface NextResponses {
  next(init: { request: { headers: Headers }; headers?: Headers }): Response
}

export async function nextResponses(): Promise<NextResponses> {
  // @ts-expect-error -- resolved where the app is
  const { NextResponse } = (await import('next/server.js')) as { NextResponse: NextResponses }
  return NextResponse
}

/** The headers of the request that a page is rendered for. It makes the page dynamic. */
export async function pageHeaders(): Promise<{ get(name: string): string | null }> {
  // @ts-expect-error -- resolved where the app is
  const { headers } = (await import('next/headers.js')) as {
    headers(): Promise<{ get(name: string): string | null }>
  }
  return headers()
}

/** Keeps the process of a route handler until the promise settles: on serverless nothing else runs after the answer. */
export async function afterAnswer(promise: Promise<unknown>): Promise<void> {
  // @ts-expect-error -- resolved where the app is
  const { after } = (await import('next/server.js')) as { after(promise: Promise<unknown>): void }
  after(promise)
}
