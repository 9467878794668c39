declare module 'split2' {
  import type { Transform } from 'node:stream'
  export default function split(
    matcher: RegExp,
    mapper: (line: string) => void,
    options?: { maxLength?: number; skipOverflow?: boolean },
  ): Transform
}

declare module 'proxy-from-env' {
  export function getProxyForUrl(url: string): string
}
