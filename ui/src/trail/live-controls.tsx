import { Pause, Play, Radio } from 'lucide-react'
import { Button } from '../components/button.tsx'
import { classNames } from '../components/class-names.ts'
import { wholeCount } from '../text/numbers.ts'
import type { LiveState, LiveTail } from './use-live-tail.ts'

const words: Record<LiveState, string> = {
  off: '',
  connecting: 'Connecting…',
  live: 'Live: new calls appear as they are recorded',
  lost: 'The connection was lost; trying again',
  refused: 'The server ended it. Switch it off and on to try again.',
}

/** Starts and ends the live tail, and holds it still while one reads. */
export function LiveControls({
  live,
  isOn,
  onToggle,
  isPossible,
}: {
  live: LiveTail
  isOn: boolean
  onToggle: () => void
  /** False for a time that has an end: nothing new comes there. */
  isPossible: boolean
}) {
  const { isPaused, held, dropped } = live.rows
  const isRunning = isOn && isPossible
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-2">
      <Button size="small" aria-pressed={isRunning} disabled={!isPossible} onClick={onToggle}>
        <Radio
          className={classNames(isRunning && live.state === 'live' && !isPaused && 'animate-pulse text-good')}
          aria-hidden
        />
        {isRunning ? 'Stop live' : 'Go live'}
      </Button>
      {isRunning ? (
        <Button size="small" onClick={isPaused ? live.resume : live.pause}>
          {isPaused ? <Play aria-hidden /> : <Pause aria-hidden />}
          {isPaused ? `Resume${held.length === 0 ? '' : ` (${wholeCount(held.length)} new)`}` : 'Pause'}
        </Button>
      ) : null}
      <span role="status" className="text-xs text-muted">
        {isRunning ? (isPaused ? 'Paused: nothing moves' : words[live.state]) : ''}
        {isRunning && dropped > 0 ? ` · ${wholeCount(dropped)} older rows left the page` : ''}
      </span>
    </div>
  )
}
