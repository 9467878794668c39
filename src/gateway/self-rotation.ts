import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../domain/ports.ts'
import type { Reason } from '../domain/verdict.ts'
import { sendRefusal } from '../front/answer.ts'
import { createSelfRotation as createRotation, type SelfRotationOptions } from '../front/self-rotation.ts'
import type { Front } from './front.ts'

/** A key's rotation by itself, on the gateway's own address. Rejects with what broke before anything was changed. */
export function createSelfRotation(
  options: SelfRotationOptions & {
    clock: Clock
    onAnswered: (outcome: 'forwarded' | 'denied', reason: Reason | null, durationMs: number) => void
  },
): (request: IncomingMessage, response: ServerResponse, front: Front) => Promise<void> {
  const { clock, onAnswered } = options
  const rotateItself = createRotation(options)

  return async (request, response, front) => {
    const { arrival } = front
    const rotated = await rotateItself(front)
    const durationMs = Math.round((clock.monotonic() - arrival.startedMs) * 1000) / 1000
    if (rotated.refusal === null) {
      const { status, headers, body } = rotated.answer
      response.writeHead(status, headers)
      response.end(body)
      onAnswered('forwarded', null, durationMs)
      return
    }
    sendRefusal(response, rotated.refusal, {
      isMcp: false,
      requestId: arrival.requestId,
      rpcId: null,
      credentialKind: 'service-key',
      limit: rotated.limit ?? null,
      close: !request.complete,
    })
    onAnswered('denied', rotated.refusal, durationMs)
  }
}
