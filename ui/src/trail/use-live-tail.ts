import { useEffect, useEffectEvent, useReducer, useState } from 'react'
import { apiUrl } from '../api/mount.ts'
import type { Query } from '../api/query.ts'
import type { CallJson } from '../api/types.ts'
import { noLiveRows, paused, resumed, withRow, type LiveRows } from './live-rows.ts'

/** `lost`: the browser is trying again by itself. `refused`: it was told not to, as when the sign-in has ended. */
export type LiveState = 'off' | 'connecting' | 'live' | 'lost' | 'refused'

export interface LiveTail {
  state: LiveState
  rows: LiveRows<CallJson>
  pause: () => void
  resume: () => void
}

type Step = { do: 'row'; row: CallJson } | { do: 'pause' | 'resume' | 'clear' }

/**
 * The calls that fit `query`, as they are recorded, while `isOn`. `onOpen` is called with each connection: what came
 * before it has to be read otherwise.
 */
export function useLiveTail(query: Query, isOn: boolean, onOpen: () => void): LiveTail {
  const [rows, take] = useReducer(step, noLiveRows)
  const [state, setState] = useState<LiveState>('off')
  const url = apiUrl('/audit/live', query)
  const opened = useEffectEvent(onOpen)

  useEffect(() => {
    take({ do: 'clear' })
    setState(isOn ? 'connecting' : 'off')
    if (!isOn) return undefined
    const source = new EventSource(url)
    source.addEventListener('open', () => {
      setState('live')
      opened()
    })
    source.addEventListener('error', () => setState(source.readyState === source.CLOSED ? 'refused' : 'lost'))
    source.addEventListener('call', (event: MessageEvent<string>) => {
      const row = callOf(event.data)
      if (row !== null) take({ do: 'row', row })
    })
    return () => source.close()
  }, [url, isOn])

  return {
    state,
    rows,
    pause: () => take({ do: 'pause' }),
    resume: () => take({ do: 'resume' }),
  }
}

function step(rows: LiveRows<CallJson>, taken: Step): LiveRows<CallJson> {
  if (taken.do === 'row') return withRow(rows, taken.row)
  if (taken.do === 'pause') return paused(rows)
  return taken.do === 'resume' ? resumed(rows) : noLiveRows
}

/** Null for what is no call, such as a line that a proxy put in. */
function callOf(data: string): CallJson | null {
  try {
    const call: unknown = JSON.parse(data)
    return typeof call === 'object' && call !== null && 'id' in call ? (call as CallJson) : null
  } catch {
    return null
  }
}
