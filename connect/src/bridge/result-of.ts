import type { OutboundAnswer } from '../contracts.ts'
import { readEvents } from '../protocol/events.ts'
import { readMessages } from '../protocol/message.ts'
import { mediaTypeOf, textOf } from '../protocol/refusal.ts'

/** The first result in an answer to a request of the bridge's own; null where there is none. */
export async function resultOf(
  answer: OutboundAnswer,
  longest: number,
): Promise<Record<string, unknown> | null> {
  let result: Record<string, unknown> | null = null
  const note = (text: string) => {
    const reading = readMessages(text)
    if (typeof reading !== 'number') result ??= reading.messages[0]?.result ?? null
  }
  const type = mediaTypeOf(answer.headers)
  if (type === 'text/event-stream') await readEvents(answer.body, (_type, data) => note(data))
  else note(await textOf(answer.body, longest))
  return result
}
