import type { KeyJson } from '../api/types.ts'
import { useNow } from '../api/server-time.ts'
import { keyStateText } from '../text/key-state.ts'
import { exactInstant } from '../text/relative-time.ts'
import { Badge } from './badge.tsx'
import { Hinted } from './tooltip.tsx'

/** How a key stands, with the time that is left to it; the exact instant on hover and focus. */
export function StateBadge({
  keyLife,
}: {
  keyLife: Pick<KeyJson, 'state' | 'expiresAt' | 'retiresAt' | 'revokedAt'>
}) {
  const state = keyStateText(keyLife, useNow())
  const badge = <Badge tone={state.tone}>{state.label}</Badge>
  if (state.at === null) return badge
  const verb = state.isDead ? 'Since' : keyLife.state === 'retiring' ? 'Ends' : 'Expires'
  return (
    <Hinted hint={`${verb} ${exactInstant(state.at)}`} className="inline-flex max-w-full rounded">
      {badge}
    </Hinted>
  )
}
