import { queryOptions, useQuery } from '@tanstack/react-query'
import { request } from './request.ts'
import type { MeJson } from './types.ts'
import { setServerNow } from './server-time.ts'

/** Who is signed in. Fails with `sign_in_required` where nobody is. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }) => {
    const { value } = await request<MeJson>('GET', '/v1/me', { signal, asksToSignIn: false })
    setServerNow(Date.parse(value.deployment.now))
    return value
  },
  staleTime: 60_000,
  retry: false,
})

/** Who is signed in, below the frame, which waits until it is known. */
export function useMe(): MeJson {
  const { data } = useQuery(meQuery)
  if (data === undefined) throw new Error('useMe outside of the signed-in frame')
  return data
}

/** Whether whoever is signed in may do what a control is for; the server judges again. */
export function useMay(need: 'change' | 'administer' | 'oversee'): boolean {
  const { role } = useMe()
  if (role === 'admin') return true
  return need === 'change' ? role === 'owner' : need === 'oversee' && role === 'auditor'
}
