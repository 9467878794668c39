import { script, style } from './bundle.gen.ts'

/** What the page may do in a browser: only what comes from its own origin, in no frame, and sending forms nowhere else. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "base-uri 'self'",
  "form-action 'self'",
].join('; ')

const scriptPath = `/assets/page-${script.hash}.js`
const stylePath = `/assets/page-${style.hash}.css`

/**
 * The page under its mount (`/admin/api-keys`, without a slash at its end): its two assets, and for any other path
 * the document, so that links deep into the page work.
 */
export function pageResponse(request: Request, mount: string): Response {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return new Response(null, { status: 405, headers: { allow: 'GET, HEAD' } })
  const path = new URL(request.url).pathname.slice(mount.length)
  if (path === scriptPath) return assetResponse(request, script, 'text/javascript; charset=utf-8')
  if (path === stylePath) return assetResponse(request, style, 'text/css; charset=utf-8')
  // A document in place of a script that is gone would be run as one, or kept by a cache.
  if (path.startsWith('/assets/')) return new Response(null, { status: 404, headers: notStored })
  return answer(request, documentOf(mount), {
    'content-type': 'text/html; charset=utf-8',
    // It names the assets of this very version.
    'cache-control': 'no-cache',
    etag: `"${script.hash}${style.hash}"`,
    'content-security-policy': contentSecurityPolicy,
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
    'x-frame-options': 'DENY',
  })
}

const notStored = { 'cache-control': 'no-store' }

function assetResponse(
  request: Request,
  asset: { hash: string; text: string },
  contentType: string,
): Response {
  return answer(request, asset.text, {
    'content-type': contentType,
    'cache-control': 'public, max-age=31536000, immutable',
    etag: `"${asset.hash}"`,
    // Nothing that another origin's page could make use of.
    'cross-origin-resource-policy': 'same-origin',
  })
}

function answer(
  request: Request,
  text: string,
  headers: Record<string, string> & { etag: string },
): Response {
  const all = { ...headers, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' }
  const known = request.headers.get('if-none-match')?.split(',') ?? []
  if (known.some((each) => each.trim().replace(/^W\//, '') === headers.etag))
    return new Response(null, { status: 304, headers: all })
  return new Response(request.method === 'HEAD' ? null : text, { headers: all })
}

/**
 * The base makes every address relative to the mount, wherever it is and whether or not the browser's own address
 * ends in a slash: Next redirects it away.
 */
function documentOf(mount: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<base href="${escaped(mount)}/">
<title>API keys</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${stylePath.slice(1)}">
<script type="module" src="${scriptPath.slice(1)}"></script>
</head>
<body>
<div id="root"></div>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
`
}

const icon =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E%3Crect width=%2216%22 height=%2216%22 rx=%223%22 fill=%22%230f766e%22/%3E%3Cpath d=%22M5 13V5.5a3 3 0 0 1 6 0V13%22 fill=%22none%22 stroke=%22white%22 stroke-width=%221.6%22/%3E%3Ccircle cx=%229.2%22 cy=%229.5%22 r=%22.8%22 fill=%22white%22/%3E%3C/svg%3E'

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
}
