/**
 * A URL that secrets may be sent to: https, or http to this machine. Throws `TypeError`, which names the option
 * and doesn't show its value.
 */
export function secureUrl(name: string, value: string | URL): URL {
  const text = String(value)
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null) throw new TypeError(`${name} must be a URL`)
  if (url.username !== '' || url.password !== '') throw new TypeError(`${name} must have no user or password`)
  const isSecure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
  if (!isSecure) throw new TypeError(`${name} must be https, or http to this machine itself`)
  return url
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.[0-9]{1,3}){3}$/.test(hostname)
}
