import { isRecord } from '../protocol/message.ts'
import type { Message } from '../protocol/message.ts'
import { backoffMs } from '../protocol/retry.ts'
import { failureFrom, pause } from './post.ts'
import type { Relay, Unit } from './relay.ts'

/** What a subscription's acknowledgement names, and the notification that says so. */
const changes = {
  toolsListChanged: 'notifications/tools/list_changed',
  promptsListChanged: 'notifications/prompts/list_changed',
  resourcesListChanged: 'notifications/resources/list_changed',
} as const

/** A stream that broke off may be opened again after these; whatever else ends it is told to the client. */
const passing: ReadonlySet<string> = new Set(['broken_off', 'unreachable', 'timed_out', 'name_not_found'])

/**
 * Keeps a `subscriptions/listen` open: it is no call, so a stream that broke off is asked for again. What changed in
 * between nobody tells, so the client is then told that everything it listens to has changed. Never rejects.
 */
export async function keepSubscription(
  { exchange, fail, isOpen }: Relay,
  unit: Unit,
  write: (line: string) => void,
): Promise<void> {
  let acknowledged = 0
  let failures = 0
  unit.keep = (message) => {
    failures = 0
    if (message.method !== 'notifications/subscriptions/acknowledged') return true
    if (acknowledged++ === 0) return true
    for (const line of changesOf(message)) write(line)
    return false
  }
  while (isOpen(unit)) {
    try {
      await exchange(unit)
    } catch (error) {
      const failure = failureFrom(error)
      if (!isOpen(unit)) return
      if (!passing.has(failure.reason) || (acknowledged === 0 && failure.reason !== 'broken_off')) {
        fail(unit, failure)
        return
      }
    }
    if (!isOpen(unit)) return
    await pause(backoffMs(failures++, Math.random()), unit.controller.signal).catch(() => {})
    if (unit.controller.signal.aborted) return
  }
}

function changesOf({ params, meta }: Message): string[] {
  const honoured = isRecord(params['notifications']) ? params['notifications'] : {}
  const lines: string[] = []
  const say = (method: string, more: object) =>
    lines.push(JSON.stringify({ jsonrpc: '2.0', method, params: { ...more, _meta: meta } }))
  for (const [name, method] of Object.entries(changes)) if (honoured[name] === true) say(method, {})
  const uris = honoured['resourceSubscriptions']
  for (const uri of Array.isArray(uris) ? (uris as unknown[]) : [])
    if (typeof uri === 'string') say('notifications/resources/updated', { uri })
  return lines
}
