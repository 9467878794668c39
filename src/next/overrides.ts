/**
 * What another proxy's `NextResponse.next()` or `.rewrite()` says about the request: Next carries it in these
 * headers of the response (next/server/web/spec-extension/response.ts).
 */
const listHeader = 'x-middleware-override-headers'
const valuePrefix = 'x-middleware-request-'
const rewriteHeader = 'x-middleware-rewrite'
const loopback = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/

/** Whether an answer of a proxy lets the request go on to the app. */
export function passesOn(response: Response): boolean {
  return response.headers.has('x-middleware-next') || response.headers.has(rewriteHeader)
}

/**
 * The request's headers as the other proxy wants them, and what else its answer says. A rewrite to where the request
 * goes anyway, which Clerk always makes, is left out: Next writes `localhost` for a loopback address in the URL that
 * a proxy sees, and would then take it for one to another server.
 */
export function overriddenHeaders(
  response: Response,
  { headers, url }: Pick<Request, 'headers' | 'url'>,
): { requestHeaders: Headers; responseHeaders: Headers } {
  const list = response.headers.get(listHeader)
  const requestHeaders = list === null ? headers : new Headers()
  const responseHeaders = new Headers()
  for (const [name, value] of response.headers) {
    if (name === listHeader || name === 'x-middleware-next') continue
    if (name === rewriteHeader && isSameUrl(value, url)) continue
    if (!name.startsWith(valuePrefix)) responseHeaders.append(name, value)
  }
  for (const name of list?.split(',') ?? []) {
    const value = response.headers.get(valuePrefix + name.trim())
    if (value !== null) requestHeaders.set(name.trim(), value)
  }
  return { requestHeaders, responseHeaders }
}

/** Whether a URL, perhaps a relative one, is another; all names of the loopback are one. */
function isSameUrl(text: string, other: string): boolean {
  if (!URL.canParse(text, other)) return false
  const [one, two] = [new URL(text, other), new URL(other)].map((url) => {
    if (loopback.test(url.hostname)) url.hostname = 'localhost'
    url.hash = ''
    return url.href
  })
  return one === two
}
