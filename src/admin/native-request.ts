/**
 * The request of `@hono/node-server` as one of Node's own. Its stand-in can't be made another request of, which
 * limits on bodies and other mounts need; and it shows a body where none was sent.
 */
export function nativeRequest(request: Request): Request {
  const { url, method, headers, signal } = request
  const hasBody =
    method !== 'GET' &&
    method !== 'HEAD' &&
    (headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > 0)
  // The type of `duplex` is missing where the library's types come from the DOM's.
  const init = { method, headers, signal, ...(hasBody ? { body: request.body, duplex: 'half' } : {}) }
  return new Request(url, init as RequestInit)
}
