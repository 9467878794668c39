import type { SendOutbound } from '../domain/outbound.ts'
import type { Sender } from './sender.ts'
import { attemptOf } from './webhook.ts'
import { wordingOf } from './wording.ts'

/** A Slack incoming webhook. Slack answers 404 or 410 for one that was removed or whose channel is gone. */
export function createSlackSender(
  { url, pageUrl }: { url: string; pageUrl: string | null },
  { send }: { send: SendOutbound },
): Sender {
  return {
    channel: 'slack',
    recipients: () => ['slack'],
    async send(_delivery, notice) {
      const { subject, happened, next } = wordingOf(notice)
      const lines = [`*${escaped(subject)}*`, escaped(happened), escaped(next)]
      if (pageUrl !== null) lines.push(`<${escaped(pageUrl)}|Open the keys>`)
      const answer = await send({
        method: 'POST',
        url,
        headers: { 'content-type': 'application/json', 'user-agent': 'postern' },
        // Nothing in a name becomes a link, and no link is unfurled.
        body: JSON.stringify({ text: lines.join('\n'), unfurl_links: false, unfurl_media: false }),
      })
      return attemptOf(answer, [404, 410])
    },
  }
}

/** The three characters that Slack's text has for itself: with them escaped there is no link and no mention. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
