import { apiUrl } from '../api/mount.ts'
import { request } from '../api/request.ts'
import type { CallJson, PageJson } from '../api/types.ts'
import type { CallSource } from './first-call.ts'

/** The calls of one key: the API's live feed, and its trail. */
export function callsOf(keyId: string): CallSource {
  return {
    live(on) {
      const feed = new EventSource(apiUrl('/audit/live', { key: keyId }))
      feed.addEventListener('open', on.open)
      feed.addEventListener('error', on.lost)
      feed.addEventListener('call', (event: MessageEvent<string>) => {
        const call = callOf(event.data)
        if (call !== null) on.call(call)
      })
      return () => feed.close()
    },
    async newest(signal) {
      // Nobody has asked for it, so that it must not ask anybody to sign in.
      const options = { query: { key: keyId, limit: 10 }, signal, asksToSignIn: false }
      return (await request<PageJson<CallJson>>('GET', '/v1/audit', options)).value.data
    },
  }
}

/** Null for what is no call. */
function callOf(data: string): CallJson | null {
  try {
    const call: unknown = JSON.parse(data)
    return typeof call === 'object' && call !== null && 'outcome' in call ? (call as CallJson) : null
  } catch {
    return null
  }
}
