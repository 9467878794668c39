import { Webhook } from 'standardwebhooks'
import type { Notice } from '../domain/notice.ts'
import type { OutboundAnswer, SendOutbound } from '../domain/outbound.ts'
import type { Clock } from '../domain/ports.ts'
import { arrived, failed, refused, type Attempt, type Sender } from './sender.ts'

/** An endpoint of the settings. Its name is what is stored; the URL never is. */
export interface WebhookEndpoint {
  name: string
  url: string
  /** `whsec_…`: each signs, so that a receiver may know the old one or the new one. */
  secrets: readonly string[]
}

/**
 * Webhooks as Standard Webhooks has them (standardwebhooks.com): `webhook-id` is the notice's id, and that and the
 * body are the same on every attempt; the time, and so the signature, is the attempt's. 410 ends it for good.
 */
export function createWebhookSender(
  endpoints: readonly WebhookEndpoint[],
  { send, clock }: { send: SendOutbound; clock: Pick<Clock, 'now'> },
): Sender {
  const byName = new Map(
    endpoints.map(({ name, url, secrets }) => [
      name,
      { url, signers: secrets.map((secret) => new Webhook(secret)) },
    ]),
  )
  return {
    channel: 'webhook',
    recipients: () => [...byName.keys()],
    async send({ recipient }, notice) {
      const endpoint = byName.get(recipient)
      if (endpoint === undefined) return failed('the settings name no such webhook')
      const body = JSON.stringify(webhookBody(notice))
      const at = new Date(clock.now())
      const answer = await send({
        method: 'POST',
        url: endpoint.url,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'postern',
          'webhook-id': notice.id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': endpoint.signers.map((signer) => signer.sign(notice.id, at, body)).join(' '),
        },
        body,
      })
      return attemptOf(answer, [410])
    },
  }
}

/** What an answer says about the attempt; `finalStatuses` say that no other will arrive either. */
export function attemptOf(answer: OutboundAnswer, finalStatuses: readonly number[]): Attempt {
  if ('failure' in answer) return failed(answer.failure)
  const { status, isCut } = answer
  // Nobody who has taken a notice answers it at such length.
  if (isCut) return failed('the answer is too long')
  if (status >= 200 && status < 300) return arrived
  return finalStatuses.includes(status) ? refused(`status ${status}`) : failed(`status ${status}`)
}

/** The body of a notice, field by field, so that nothing new slips out unnoticed. Instants are RFC 3339 strings. */
function webhookBody({ id, kind, createdAt, keyId, serviceUserId, facts }: Notice): object {
  const data =
    facts === null || kind === 'test'
      ? {}
      : {
          serviceUserId,
          serviceUser: facts.serviceUser,
          owner: facts.owner,
          keyId,
          keyName: facts.keyName,
          keyStart: facts.keyStart,
          expiresAt: instant(facts.expiresAt),
          retiresAt: instant(facts.retiresAt),
          lastUsedAt: instant(facts.lastUsedAt),
          actor: facts.actor,
          reason: facts.reason,
          successorStart: facts.successorStart,
          daysLeft: facts.daysLeft,
        }
  return { id, type: kind, timestamp: instant(createdAt), data }
}

function instant(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
