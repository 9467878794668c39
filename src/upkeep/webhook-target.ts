import { hash } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { SendOutbound } from '../domain/outbound.ts'
import type { Clock } from '../domain/ports.ts'
import { SinkFailed, type SinkTarget } from './sink.ts'

/**
 * An endpoint that lines are posted to, signed as Standard Webhooks has it (standardwebhooks.com): `{"type":"trail",
 * "lines":[…]}`, each line a string, since any other way to write it would not be verified. `webhook-id` is the same
 * for the same lines. Only an answer of 2xx says that they are safe.
 */
export function createWebhookTarget(
  { url, secrets }: { url: string; secrets: readonly string[] },
  { send, clock }: { send: SendOutbound; clock: Pick<Clock, 'now'> },
): SinkTarget {
  const signers = secrets.map((one) => new Webhook(one))
  return {
    async take(lines) {
      const body = JSON.stringify({ type: 'trail', lines: lines.split('\n').slice(0, -1) })
      const id = `trail_${hash('sha256', body, 'hex').slice(0, 32)}`
      const at = new Date(clock.now())
      const answer = await send({
        method: 'POST',
        url,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'postern',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': signers.map((signer) => signer.sign(id, at, body)).join(' '),
        },
        body,
      })
      if ('failure' in answer) throw new SinkFailed(`the webhook can't be reached (${answer.failure})`)
      if (answer.status < 200 || answer.status >= 300)
        throw new SinkFailed(`the webhook answered ${answer.status}`)
    },
  }
}
