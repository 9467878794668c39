/**
 * Where to go after signing in: the path of the page that was asked for, and nothing else. What isn't a plain path
 * within the page, or leads to signing in again, becomes `/`.
 */
export function backPath(asked: string | null): string {
  if (asked === null || !/^\/(?![/\\])[^\\]*$/.test(asked)) return '/'
  if (/\p{Cc}/u.test(asked)) return '/'
  const { pathname, search } = new URL(asked, 'http://page.invalid')
  if (pathname.startsWith('//') || /^\/(sign-in|setup|invitation)(\/|$)/.test(pathname)) return '/'
  return pathname + search
}
